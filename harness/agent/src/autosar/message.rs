//! A message: the header that is derived from SOME/IP, and its data (PRS_TPSP §6.1).
//!
//! All numbers are big endian. What is parsed builds to the same octets.

use thiserror::Error;

/// Octets of the header.
pub const HEADER: usize = 16;
/// Octets of the header that its length field counts.
const COUNTED: usize = 8;
/// Octets of data that are taken: the longest list of parameters, and no more than a datagram carries.
pub const MAX_DATA: usize = 65_536;
/// Type of a request.
pub const REQUEST: u8 = 0x00;
/// Type of an event.
pub const EVENT: u8 = 0x02;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks for a primitive.
    Request,
    /// Answers a request.
    Response,
    /// Tells what happened later.
    Event,
}

/// A message as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Service id (SID).
    pub service: u16,
    /// The event bit (EVB).
    pub event: bool,
    /// Service group (GID), 7 bits.
    pub group: u8,
    /// Service primitive (PID).
    pub primitive: u8,
    /// SOME/IP's request id, which means nothing here.
    pub request: u32,
    /// Protocol version.
    pub protocol_version: u8,
    /// Interface version.
    pub interface_version: u8,
    /// Message type (TID).
    pub message_type: u8,
    /// Result id (RID).
    pub result: u8,
    /// The parameters.
    pub data: Vec<u8>,
}

/// Octets that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Less than a header.
    #[error("a header has 16 octets, not {0}")]
    Short(usize),
    /// The length field does not fit what came.
    #[error("the length field says {said}, but {came} octets stand behind it")]
    Length {
        /// What the field says.
        said: u32,
        /// Octets behind the field.
        came: usize,
    },
    /// More than [`MAX_DATA`].
    #[error("{0} octets of data are too many")]
    Long(u32),
    /// Parameters that the primitive does not have.
    #[error("wrong parameters for {0}")]
    Parameters(&'static str),
}

impl Message {
    /// The message of a datagram.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, data) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or(Malformed::Short(bytes.len()))?;
        let said = length(header);
        if data_length(said)? != data.len() {
            let came = data.len() + COUNTED;
            return Err(Malformed::Length { said, came });
        }
        let [
            s0,
            s1,
            group,
            primitive,
            _,
            _,
            _,
            _,
            r0,
            r1,
            r2,
            r3,
            rest @ ..,
        ] = *header;
        let [protocol_version, interface_version, message_type, result] = rest;
        Ok(Self {
            service: u16::from_be_bytes([s0, s1]),
            event: group & 0x80 != 0,
            group: group & 0x7f,
            primitive,
            request: u32::from_be_bytes([r0, r1, r2, r3]),
            protocol_version,
            interface_version,
            message_type,
            result,
            data: data.to_vec(),
        })
    }

    /// Its octets. Data longer than [`MAX_DATA`] are cut off.
    pub fn build(&self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(MAX_DATA)];
        let said = u32::try_from(data.len() + COUNTED).expect("MAX_DATA fits");
        let mut bytes = Vec::with_capacity(HEADER + data.len());
        bytes.extend(self.service.to_be_bytes());
        bytes.push(u8::from(self.event) << 7 | self.group & 0x7f);
        bytes.push(self.primitive);
        bytes.extend(said.to_be_bytes());
        bytes.extend(self.request.to_be_bytes());
        bytes.extend([
            self.protocol_version,
            self.interface_version,
            self.message_type,
            self.result,
        ]);
        bytes.extend(data);
        bytes
    }
}

fn length(header: &[u8; HEADER]) -> u32 {
    u32::from_be_bytes([header[4], header[5], header[6], header[7]])
}

/// Octets of data that a length field announces.
fn data_length(said: u32) -> Result<usize, Malformed> {
    let data = (said as usize).checked_sub(COUNTED);
    let data = data.ok_or(Malformed::Length { said, came: 0 })?;
    if data > MAX_DATA {
        return Err(Malformed::Long(said));
    }
    Ok(data)
}

/// Cuts a TCP stream into messages. Holds no more than one message and what came with its last octets.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    bytes: Vec<u8>,
}

impl Stream {
    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete message.
    ///
    /// # Errors
    /// [`Malformed`]: the stream cannot be cut any further.
    pub fn next_message(&mut self) -> Result<Option<Message>, Malformed> {
        let Some(header) = self.bytes.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let whole = HEADER + data_length(length(header))?;
        if self.bytes.len() < whole {
            return Ok(None);
        }
        let rest = self.bytes.split_off(whole);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        Message::parse(&bytes).map(Some)
    }
}
