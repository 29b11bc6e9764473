/* A minimal agent for tcpconf (docs/agent.md): the required verbs, poll() and plain sockets.
 *
 *   cc -Wall -Wextra -o agent agent.c && ./agent 4000        one controller after the other on 127.0.0.1:4000
 *
 * IPv4 only.  Sockets are numbered from 1 and never twice.  Each keeps the calls that wait for it. */
#define _GNU_SOURCE /* POLLRDHUP */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 4096, SOCKETS = 64, RECV = 1024 };
enum role { FREE, LISTENER, CONNECTING, OPEN };
struct sock {
    enum role role;
    int fd, error, readable, eof; /* error: why it failed; the others: what was told */
    unsigned number;
    unsigned long accept, recv, send; /* requests that wait, or 0: one of each kind here */
    size_t recv_max, send_at, send_len;
    uint8_t *send_data;
};
static struct sock socks[SOCKETS];
static unsigned last_number;
static FILE *out;

static const char *errno_name(int e) {
#define NAME(x) if (e == x) return #x;
    NAME(ECONNREFUSED) NAME(ECONNRESET) NAME(ECONNABORTED) NAME(ETIMEDOUT) NAME(EHOSTUNREACH) NAME(ENETUNREACH)
    NAME(ENOTCONN) NAME(EPIPE) NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(EACCES) NAME(EBADF) NAME(EINVAL)
    NAME(ENOBUFS) NAME(EMSGSIZE) NAME(EOPNOTSUPP)
    return "EIO";
}

static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}
static void fail(unsigned long id, int error) { say("%lu error %s", id, errno_name(error)); }

static struct sock *add(int fd, enum role role) {
    struct sock *s = socks;
    while (s < socks + SOCKETS && s->role != FREE) s++;
    if (s == socks + SOCKETS) { close(fd); return NULL; }
    *s = (struct sock){.role = role, .fd = fd, .number = ++last_number};
    return s;
}

static void fail_waiting(struct sock *s, int error) {
    unsigned long waiting[] = {s->accept, s->send, s->recv};
    for (int i = 0; i < 3; i++)
        if (waiting[i]) fail(waiting[i], error);
    s->accept = s->send = s->recv = 0;
    free(s->send_data);
    s->send_data = NULL;
}

static void drop(struct sock *s, int aborted) {
    struct linger at_once = {1, 0};
    fail_waiting(s, ECONNABORTED);
    if (aborted) setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(s->fd);
    s->role = FREE;
}
static void reset(void) {
    for (struct sock *s = socks; s < socks + SOCKETS; s++)
        if (s->role != FREE) drop(s, 1);
}

static int address(const char *word, struct sockaddr_in *a) {
    char ip[16];
    unsigned port;
    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    if (sscanf(word, "%15[0-9.]:%5u", ip, &port) != 2 || port > 65535) return 0;
    a->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, ip, &a->sin_addr) == 1;
}
static void spell(char *text, const struct sockaddr_in *a) {
    char ip[16];
    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip);
    sprintf(text, "%s:%u", ip, ntohs(a->sin_port));
}

static uint8_t octet(uint32_t o) {
    uint32_t m = o * 0x9E3779B1u;
    m = (m >> 13 | m << 19) ^ o;
    return (uint8_t)('A' + (m * 0x85EBCA6Bu >> 16) % 26);
}
/* DATA as octets that the caller frees, or NULL */
static uint8_t *data(const char *word, size_t *length) {
    uint32_t offset, count;
    uint8_t *d = NULL;
    if (sscanf(word, "pattern:%u:%u", &offset, &count) == 2 && count <= 1 << 20) {
        d = malloc((*length = count) + 1);
        for (uint32_t i = 0; d && i < count; i++) d[i] = octet(offset + i);
    } else if (!strncmp(word, "hex:", 4) && strlen(word) % 2 == 0 &&
               strspn(word + 4, "0123456789abcdefABCDEF") == strlen(word) - 4) {
        d = malloc((*length = strlen(word) / 2 - 2) + 1);
        for (size_t i = 0; d && i < *length; i++) sscanf(word + 4 + 2 * i, "%2hhx", &d[i]);
    }
    return d;
}

/* What can be done for a socket now, after a request or when poll() says that it is ready */
static void progress(struct sock *s) {
    uint8_t buffer[RECV];
    ssize_t n;
    if (s->role == LISTENER && s->accept) {
        struct sockaddr_in peer, own;
        socklen_t size = sizeof peer, own_size = sizeof own;
        int fd = accept4(s->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);
        if (fd < 0) return;
        char local[32], remote[32];
        getsockname(fd, (struct sockaddr *)&own, &own_size);
        spell(local, &own);
        spell(remote, &peer);
        struct sock *new = add(fd, OPEN);
        if (new) {
            say("* accepted %u %u %s %s", s->number, new->number, local, remote);
            say("%lu ok socket %u", s->accept, new->number);
        } else
            fail(s->accept, ENOBUFS);
        s->accept = 0;
    }
    if (s->role != OPEN) return;
    while (s->send) {
        n = send(s->fd, s->send_data + s->send_at, s->send_len - s->send_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n >= 0 && (s->send_at += (size_t)n) < s->send_len) continue;
        if (n < 0) fail(s->send, s->error ? s->error : errno);
        else say("%lu ok count %zu", s->send, s->send_len);
        s->send = 0;
        free(s->send_data);
        s->send_data = NULL;
    }
    if (s->recv) {
        n = recv(s->fd, buffer, s->recv_max < RECV ? s->recv_max : RECV, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0 || (n == 0 && s->error)) fail(s->recv, s->error ? s->error : errno);
        else {
            fprintf(out, "%lu ok data hex:", s->recv);
            for (ssize_t i = 0; i < n; i++) fprintf(out, "%02x", buffer[i]);
            fputc('\n', out);
            s->readable = 0;
        }
        s->recv = 0;
    }
}

static void ready(struct sock *s, short events) {
    uint8_t first;
    socklen_t size = sizeof s->error;
    if (!s->error && events & (POLLERR | POLLHUP) &&
        !getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->error, &size) && s->error) {
        s->role = OPEN;
        say("* error %u %s", s->number, errno_name(s->error));
        fail_waiting(s, s->error);
        return;
    }
    if (s->role == CONNECTING && events & POLLOUT) {
        s->role = OPEN;
        say("* connected %u", s->number);
    }
    if (s->role == OPEN && !s->readable && recv(s->fd, &first, 1, MSG_PEEK) > 0) {
        s->readable = 1;
        say("* readable %u", s->number);
    }
    progress(s);
    if (s->role == OPEN && events & POLLRDHUP && !s->eof) {
        s->eof = 1;
        say("* eof %u", s->number);
    }
}

static void request(char *line) {
    char *end, *verb, *arg, *more;
    unsigned long id = strtoul(line, &end, 10);
    struct sockaddr_in to, from;
    struct sock *s = NULL;
    int yes = 1;
    if (end == line || *end != ' ' || !(verb = strtok(end, " "))) { fail(id, EINVAL); return; }
    arg = strtok(NULL, " ");
    more = arg ? strtok(NULL, " ") : NULL;
    if (!strcmp(verb, "hello")) {
        say("%lu ok hello protocol=1 line=%d agent=agent.c"
            " verbs=listen,connect,accept,send,recv,close,release,abort settings= services=", id, LINE - 1);
        return;
    }
    if (!strcmp(verb, "reset")) { reset(); say("%lu ok", id); return; }
    if (!strcmp(verb, "listen") || !strcmp(verb, "connect")) {
        int listens = *verb == 'l', backlog = 1, bound = listens;
        if (!arg || !address(arg, &to)) { fail(id, EINVAL); return; }
        from = to;
        for (; more; more = strtok(NULL, " ")) {
            if (!strncmp(more, "from=", 5) && !listens && address(more + 5, &from)) bound = 1;
            else if (!listens || sscanf(more, "backlog=%d", &backlog) != 1) { fail(id, EOPNOTSUPP); return; }
        }
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (fd < 0) { fail(id, ENOBUFS); return; }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if ((bound && bind(fd, (struct sockaddr *)&from, sizeof from)) || (listens && listen(fd, backlog)) ||
            (!listens && connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
            fail(id, errno);
            close(fd);
        } else if ((s = add(fd, listens ? LISTENER : CONNECTING)))
            say("%lu ok socket %u", id, s->number);
        else
            fail(id, ENOBUFS);
        return;
    }
    unsigned number = arg ? (unsigned)strtoul(arg, NULL, 10) : 0;
    for (struct sock *i = socks; i < socks + SOCKETS; i++)
        if (i->role != FREE && i->number == number) s = i;
    int known = !strcmp(verb, "accept") || !strcmp(verb, "send") || !strcmp(verb, "recv") ||
                !strcmp(verb, "close") || !strcmp(verb, "release") || !strcmp(verb, "abort");
    if (!known) fail(id, EOPNOTSUPP);
    else if (!s) fail(id, EBADF);
    else if (!strcmp(verb, "accept")) {
        if (s->accept || s->role != LISTENER) fail(id, s->accept ? ENOBUFS : EINVAL);
        else { s->accept = id; progress(s); }
    } else if (!strcmp(verb, "send")) {
        if (s->send || !more || s->role == LISTENER || !(s->send_data = data(more, &s->send_len)))
            fail(id, s->send ? ENOBUFS : EINVAL);
        else { s->send = id; s->send_at = 0; progress(s); }
    } else if (!strcmp(verb, "recv")) {
        if (!more || s->recv || s->role == LISTENER) fail(id, s->recv ? ENOBUFS : EINVAL);
        else { s->recv = id; s->recv_max = strtoul(more, NULL, 10); progress(s); }
    } else if (!strcmp(verb, "close")) {
        if (shutdown(s->fd, s->role == LISTENER ? SHUT_RD : SHUT_WR)) fail(id, errno);
        else say("%lu ok", id);
    } else { drop(s, *verb == 'a'); say("%lu ok", id); }
}

static void serve(int controller) {
    static char line[LINE];
    size_t length = 0;
    int skipping = 0;
    for (;;) {
        struct pollfd fds[SOCKETS + 1] = {{.fd = controller, .events = POLLIN}};
        fflush(out);
        for (int i = 0; i < SOCKETS; i++) {
            struct sock *s = &socks[i];
            /* A socket that has told all is not watched: what is ready stays ready for ever. */
            short wants = (short)((s->role == CONNECTING || s->send ? POLLOUT : 0) | (s->eof ? 0 : POLLRDHUP) |
                                  (s->role == LISTENER ? (s->accept ? POLLIN : 0)
                                                       : (s->recv || (!s->readable && !s->eof) ? POLLIN : 0)));
            int watched = s->role != FREE && !s->error && (s->role != LISTENER || s->accept);
            fds[i + 1] = (struct pollfd){.fd = watched && (wants || !s->eof) ? s->fd : -1, .events = wants};
        }
        if (poll(fds, SOCKETS + 1, -1) < 0 && errno != EINTR) return;
        for (int i = 0; i < SOCKETS; i++)
            if (fds[i + 1].revents && socks[i].role != FREE) ready(&socks[i], fds[i + 1].revents);
        if (!fds[0].revents) continue;
        char portion[LINE];
        ssize_t n = read(controller, portion, sizeof portion);
        if (n <= 0) return;
        for (ssize_t i = 0; i < n; i++) {
            if (portion[i] == '\n') {
                if (length && line[length - 1] == '\r') length--;
                line[length] = 0;
                if (skipping) fail(0, EMSGSIZE);
                else if (length) request(line);
                length = 0;
                skipping = 0;
            } else if (length == LINE - 1) skipping = 1;
            else line[length++] = portion[i];
        }
    }
}

int main(int count, char **args) {
    struct sockaddr_in own;
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    char where[32] = "127.0.0.1:0";
    socklen_t size = sizeof own;
    if (count > 1) snprintf(where, sizeof where, "127.0.0.1:%s", args[1]);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!address(where, &own) || bind(listener, (struct sockaddr *)&own, size) || listen(listener, 1)) {
        perror(where);
        return 3;
    }
    getsockname(listener, (struct sockaddr *)&own, &size);
    spell(where, &own);
    printf("listening on %s\n", where);
    fflush(stdout);
    for (;;) {
        int controller = accept(listener, NULL, NULL);
        if (controller < 0 || !(out = fdopen(dup(controller), "w"))) return 3;
        serve(controller);
        reset();
        fclose(out);
        close(controller);
    }
}
