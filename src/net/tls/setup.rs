//! How each side speaks: one version, one kind of key, no tickets, no early data, and no clock.

use std::io;
use std::sync::Arc;

use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption, UnbufferedClientConnection};
use rustls::crypto::ring::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig, SupportedCipherSuite, version};

use super::verify::{Taken, View, key_of};
use super::{ALPN, TlsError};
use crate::identity::{Problem, PublicKey, SecretKey};

/// How a private key of Ed25519 begins in PKCS#8 (RFC 8410, 7 and 10.3); the 32 bytes of the seed follow.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A key pair that can sign.
#[derive(Clone, Debug)]
pub struct Identity {
    public: PublicKey,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    /// A new secret key, of the system's random numbers.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub fn generate() -> io::Result<SecretKey> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(SecretKey(seed))
    }

    /// Of a secret key.
    pub fn new(secret: &SecretKey) -> Identity {
        let pkcs8 = PrivatePkcs8KeyDer::from([&PKCS8[..], &secret.0].concat());
        let key = ring::sign::any_eddsa_type(&pkcs8).expect("every 32 bytes are a seed");
        let shown = CertificateDer::from(key.public_key().expect("it has a public key").as_ref().to_vec());
        let public = key_of(&shown).expect("it is one of Ed25519");
        Identity { public, certified: Arc::new(CertifiedKey::new(vec![shown], key)) }
    }

    /// Of both keys, as a file has them.
    ///
    /// # Errors
    /// [`Problem::NotAPair`].
    pub fn of_pair(secret: &SecretKey, public: &PublicKey) -> Result<Identity, Problem> {
        let identity = Identity::new(secret);
        if identity.public == *public { Ok(identity) } else { Err(Problem::NotAPair) }
    }

    /// The key that others know it by.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

/// A server's side.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

/// A client's side, for one server.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

/// Equal where one is a copy of the other.
impl PartialEq for ClientTls {
    fn eq(&self, other: &ClientTls) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ClientTls {}

impl ServerTls {
    /// Of a server with this identity.
    pub fn new(identity: &Identity) -> ServerTls {
        let (provider, algorithms) = provider();
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(NoTime))
            .with_protocol_versions(&[&version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_client_cert_verifier(Arc::new(View { taken: Taken::Any, algorithms }))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(
                &identity.certified,
            ))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        ServerTls(Arc::new(config))
    }

    /// The same with another name of what is spoken.
    pub(super) fn speaking(self, alpn: &[u8]) -> Arc<ServerConfig> {
        let mut config = (*self.0).clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }

    pub(super) fn connection(&self) -> Result<UnbufferedServerConnection, TlsError> {
        Ok(UnbufferedServerConnection::new(Arc::clone(&self.0))?)
    }
}

impl ClientTls {
    /// Of a client with this identity, for the server with that key.
    pub fn new(identity: &Identity, server: PublicKey) -> ClientTls {
        ClientTls::with(identity, Taken::Only(server))
    }

    /// For whoever wants to know which key a server has: each handshake ends with [`TlsError::WrongKey`], and shows nothing of
    /// `identity`.
    pub fn asking(identity: &Identity) -> ClientTls {
        ClientTls::with(identity, Taken::None)
    }

    fn with(identity: &Identity, taken: Taken) -> ClientTls {
        let (provider, algorithms) = provider();
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(NoTime))
            .with_protocol_versions(&[&version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(View { taken, algorithms }))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
                &identity.certified,
            ))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        // Servers are known by their keys; a name would only tell whoever listens which one is wanted.
        config.enable_sni = false;
        ClientTls(Arc::new(config))
    }

    /// A client that has nothing to show, as none of ours is.
    #[cfg(test)]
    pub(super) fn without_key(server: PublicKey) -> ClientTls {
        let mut config = (*ClientTls::new(&Identity::new(&SecretKey([0; 32])), server).0).clone();
        config.client_auth_cert_resolver = Arc::new(Nothing);
        ClientTls(Arc::new(config))
    }

    /// For a server that is not known yet, under another name of what is spoken: what follows the handshake has to prove who is there.
    pub(super) fn unknown(identity: &Identity, alpn: &[u8]) -> Arc<ClientConfig> {
        let mut config = (*ClientTls::with(identity, Taken::Any).0).clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }

    /// What a server is called where something has to be said: nobody sees it, and nobody compares it.
    pub(super) fn name() -> ServerName<'static> {
        ServerName::try_from("towline.invalid").expect("a name")
    }

    pub(super) fn connection(&self) -> Result<UnbufferedClientConnection, TlsError> {
        Ok(UnbufferedClientConnection::new(Arc::clone(&self.0), ClientTls::name())?)
    }
}

/// Nothing depends on the clock: keys do not expire, and there are no tickets that would.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(core::time::Duration::ZERO))
    }
}

/// Shows no key where one is asked for.
#[cfg(test)]
#[derive(Debug)]
struct Nothing;

#[cfg(test)]
impl rustls::client::ResolvesClientCert for Nothing {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// One exchange (X25519), and the suites of TLS 1.3, the fastest on this machine first.
fn provider() -> (Arc<CryptoProvider>, WebPkiSupportedAlgorithms) {
    let (fast, other) =
        (cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);
    let third = cipher_suite::TLS13_AES_256_GCM_SHA384;
    let cipher_suites: Vec<SupportedCipherSuite> =
        if has_aes() { vec![fast, other, third] } else { vec![other, fast, third] };
    let provider =
        CryptoProvider { cipher_suites, kx_groups: vec![kx_group::X25519], ..ring::default_provider() };
    let algorithms = provider.signature_verification_algorithms;
    (Arc::new(provider), algorithms)
}

/// Whether the processor has instructions for AES, without which ChaCha20 is faster.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
