//! Result ids (PRS_TPSP §6.8), and the errors that they stand for.

use tcpconf_engine::Errno;

/// Done.
pub const OK: u8 = 0x00;
/// General error.
pub const NOT_OK: u8 = 0x01;
/// Service primitive not found.
pub const NOT_FOUND: u8 = 0xff;
/// The upper tester or the primitive is still busy.
pub const PENDING: u8 = 0xfe;
/// Insufficient buffer size.
pub const NO_BUFFER: u8 = 0xfd;
/// Invalid input or parameter.
pub const INVALID: u8 = 0xfc;
/// Invalid socket id.
pub const NO_SOCKET: u8 = 0xef;
/// Unable to create a socket.
pub const NOT_CREATED: u8 = 0xee;
/// Unable to bind: the port is taken.
pub const NOT_BOUND: u8 = 0xed;
/// Invalid network interface.
pub const NO_INTERFACE: u8 = 0xec;

/// What a result id says; `None` for success.
pub fn errno_of(result: u8) -> Option<Errno> {
    match result {
        OK => None,
        NOT_FOUND => Some(Errno::Unsupported),
        NO_BUFFER | NOT_CREATED => Some(Errno::NoBuffers),
        INVALID => Some(Errno::Invalid),
        NO_SOCKET => Some(Errno::BadSocket),
        NOT_BOUND => Some(Errno::AddressInUse),
        NO_INTERFACE => Some(Errno::AddressNotAvailable),
        _ => Some(Errno::Other),
    }
}

/// The result id that says it best.
pub fn result_of(errno: Errno) -> u8 {
    match errno {
        Errno::Unsupported => NOT_FOUND,
        Errno::NoBuffers => NO_BUFFER,
        Errno::Invalid => INVALID,
        Errno::BadSocket => NO_SOCKET,
        Errno::AddressInUse | Errno::Access => NOT_BOUND,
        Errno::AddressNotAvailable => NO_INTERFACE,
        _ => NOT_OK,
    }
}
