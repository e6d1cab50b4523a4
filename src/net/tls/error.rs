//! Why two sides do not come to speak over TLS.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

use super::verify::Found;
use crate::identity::PublicKey;
use crate::proto::machine::TlsTrouble;

/// Why two sides did not come to speak over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system says so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side ended the connection in the handshake.
    #[error("the other side ended the connection in the TLS handshake")]
    Cut,
    /// The other side speaks towline in plaintext.
    #[error("the other side speaks towline without TLS")]
    Plaintext,
    /// The other side speaks something else.
    #[error("the other side does not speak TLS")]
    Foreign,
    /// The server has another key than the one that is known.
    #[error("the server has the key {0}, which is another one than is known")]
    WrongKey(PublicKey),
    /// The other side speaks TLS, and is no towline.
    #[error("the other side speaks TLS, and is no towline")]
    NotTowline,
    /// The other side does not speak TLS 1.3.
    #[error("the other side does not speak TLS 1.3, and no older version is spoken here")]
    OldVersion,
    /// The other side shows certificates, or nothing, where raw public keys are needed.
    #[error("the other side shows no raw public key (RFC 7250)")]
    NoKey,
    /// The other side does not take this side's key.
    #[error(
        "the other side does not know this key yet, or knows another one (it has ended the TLS handshake)"
    )]
    Untrusted,
    /// The other side ended the handshake, and says why.
    #[error("the other side ended the TLS handshake: {0}")]
    Alert(String),
    /// Anything else.
    #[error("the TLS handshake failed: {0}")]
    Other(String),
}

impl TlsError {
    /// The same for machines.
    pub fn trouble(&self) -> TlsTrouble {
        match self {
            TlsError::Io(_) | TlsError::Cut => TlsTrouble::Cut,
            TlsError::Plaintext => TlsTrouble::Plaintext,
            TlsError::Foreign => TlsTrouble::Foreign,
            TlsError::WrongKey(key) => TlsTrouble::WrongKey(key.0),
            TlsError::NotTowline => TlsTrouble::NotTowline,
            TlsError::OldVersion => TlsTrouble::OldVersion,
            TlsError::NoKey => TlsTrouble::NoKey,
            TlsError::Untrusted | TlsError::Alert(_) => TlsTrouble::Refused,
            TlsError::Other(_) => TlsTrouble::Failed,
        }
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> TlsError {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                match other.downcast_ref::<Found>() {
                    Some(Found(key)) => TlsError::WrongKey(*key),
                    None => TlsError::Other(other.to_string()),
                }
            }
            Error::NoCertificatesPresented
            | Error::PeerIncompatible(
                PeerIncompatible::IncorrectCertificateTypeExtension
                | PeerIncompatible::UnsolicitedCertificateTypeExtension,
            ) => TlsError::NoKey,
            Error::PeerIncompatible(
                PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls12NotOffered,
            )
            | Error::AlertReceived(AlertDescription::ProtocolVersion) => TlsError::OldVersion,
            Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                TlsError::NotTowline
            }
            Error::AlertReceived(AlertDescription::CertificateUnknown) => TlsError::Untrusted,
            Error::AlertReceived(alert) => TlsError::Alert(format!("{alert:?}")),
            other => TlsError::Other(other.to_string()),
        }
    }
}
