//! Which certificate the server must show before anything secret is sent to it.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Mutation};
use crate::target::Deployment;

/// Whether the server's certificate must hold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trust {
    /// For every request that carries the real token.
    Checked,
    /// For requests that carry nothing secret: a server with a bad certificate is still judged for the rest.
    Unchecked,
    /// As [`Trust::Unchecked`], and without the client certificate, where that is the credential.
    Nobody,
    /// As [`Trust::Nobody`], with a client certificate that was made up.
    Stranger,
}

impl Trust {
    /// What a request with this credential demands.
    pub(super) fn of(credential: &Credential, deployment: &Deployment) -> Self {
        // The exemption header is a secret of the operator's, and goes with every request.
        if deployment.exempt.is_some() || carries_secret(credential) {
            return Self::Checked;
        }
        match credential {
            _ if !deployment.is_known_by_certificate() => Self::Unchecked,
            Credential::Wrong => Self::Stranger,
            Credential::None
            | Credential::Dummy
            | Credential::Valid
            | Credential::Mutated(_)
            | Credential::Leaked(_) => Self::Nobody,
        }
    }
}

/// Whether the credential holds the real token, or enough of it to matter.
pub(super) fn carries_secret(credential: &Credential) -> bool {
    match credential {
        Credential::Mutated(Mutation::EmptyBearer | Mutation::ShortBearer)
        | Credential::None
        | Credential::Wrong
        | Credential::Dummy => false,
        Credential::Valid | Credential::Mutated(_) | Credential::Leaked(_) => true,
    }
}

pub(super) fn tls_config(deployment: &Deployment, trust: Trust) -> Result<rustls::ClientConfig, Unseen> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Unseen::Bug(error.to_string()))?;
    let builder = match trust {
        Trust::Checked => builder.with_root_certificates(roots(deployment)?),
        Trust::Unchecked | Trust::Nobody | Trust::Stranger => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider.signature_verification_algorithms))),
    };
    match (&deployment.client_cert, trust) {
        (None, _) | (Some(_), Trust::Nobody) => Ok(builder.with_no_client_auth()),
        (Some(_), Trust::Stranger) => {
            let made = |error: rcgen::Error| Unseen::Bug(format!("no client certificate can be made up: {error}"));
            let key = rcgen::KeyPair::generate().map_err(made)?;
            let params = rcgen::CertificateParams::new(vec!["watertight.invalid".to_owned()]).map_err(made)?;
            let certificate = params.self_signed(&key).map_err(made)?;
            let secret = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
            builder
                .with_client_auth_cert(vec![certificate.der().clone()], secret.into())
                .map_err(|error| Unseen::Bug(format!("the made-up client certificate cannot be used: {error}")))
        }
        (Some(files), Trust::Checked | Trust::Unchecked) => {
            let read = |path: &std::path::Path| {
                std::fs::read(path)
                    .map_err(|error| Unseen::NotConfigured(format!("{} cannot be read: {error}", path.display())))
            };
            let chain = CertificateDer::pem_slice_iter(&read(&files.cert)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Unseen::NotConfigured(format!("{}: {error}", files.cert.display())))?;
            let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(&read(&files.key)?)
                .map_err(|error| Unseen::NotConfigured(format!("{}: {error}", files.key.display())))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Unseen::NotConfigured(format!("the client certificate cannot be used: {error}")))
        }
    }
}

/// The private root as the only root, the machine's own where it is asked for, else Mozilla's.
fn roots(deployment: &Deployment) -> Result<RootCertStore, Unseen> {
    let mut store = RootCertStore::empty();
    match &deployment.ca {
        None if deployment.system_roots => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = store.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(Unseen::NotConfigured("--system-roots: this machine has no roots".into()));
            }
        }
        None => {
            store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        Some(path) => {
            let wrong = |error: String| Unseen::NotConfigured(format!("the root {}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            for root in CertificateDer::pem_slice_iter(&pem) {
                let root = root.map_err(|error| wrong(error.to_string()))?;
                store.add(root).map_err(|error| wrong(error.to_string()))?;
            }
        }
    }
    Ok(store)
}

/// Accepts any certificate: for requests that carry nothing secret. The checks of the TLS family judge the certificate.
#[derive(Debug)]
struct Unverified(rustls::crypto::WebPkiSupportedAlgorithms);

impl rustls::client::danger::ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &rustls::pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}
