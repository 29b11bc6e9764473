/* lwIP (Debian: liblwip-dev) behind the TAP device that tcpconf hands over: echo on port 7, discard on the port that
 * the environment names, as it names address and peer; PRECONFIGURED_TAPIF is read by lwIP itself.
 *
 *     gcc lwip.c -o lwip -I/usr/include/lwip -llwip -lpthread
 */
#include <lwip/api.h>
#include <lwip/sys.h>
#include <lwip/tcpip.h>
#include <netif/tapif.h>
#include <stdint.h>
#include <stdlib.h>

static struct netif tap;

static void serve(void *argument) {
    struct netconn *connection = argument;
    struct netbuf *buffer;
    u16_t port;
    ip_addr_t address;
    netconn_getaddr(connection, &address, &port, 1);
    while (netconn_recv(connection, &buffer) == ERR_OK) {
        void *data;
        u16_t length;
        do {
            netbuf_data(buffer, &data, &length);
            if (port == 7) netconn_write(connection, data, length, NETCONN_COPY);
        } while (netbuf_next(buffer) >= 0);
        netbuf_delete(buffer);
    }
    netconn_close(connection);
    netconn_delete(connection);
}

static void listen_on(void *argument) {
    struct netconn *listener = netconn_new(NETCONN_TCP), *connection;
    netconn_bind(listener, IP_ADDR_ANY, (u16_t)(uintptr_t)argument);
    netconn_listen(listener);
    for (;;)
        if (netconn_accept(listener, &connection) == ERR_OK) sys_thread_new("serve", serve, connection, 0, 0);
}

static void start(void *done) {
    ip4_addr_t address, mask, peer;
    ip4addr_aton(getenv("TCPCONF_ADDRESS"), &address);
    ip4addr_aton(getenv("TCPCONF_PEER"), &peer);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_default(netif_add(&tap, &address, &mask, &peer, NULL, tapif_init, tcpip_input));
    netif_set_up(&tap);
    sys_sem_signal(done);
}

int main(void) {
    sys_sem_t done;
    sys_sem_new(&done, 0);
    tcpip_init(start, &done);
    sys_sem_wait(&done);
    sys_thread_new("echo", listen_on, (void *)7, 0, 0);
    listen_on((void *)(uintptr_t)atoi(getenv("TCPCONF_PORT")));
}
