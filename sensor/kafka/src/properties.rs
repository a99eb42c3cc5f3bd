//! Properties of a Kafka client: from settings, files and the environment, never printed.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::settings::KafkaSettings;
use crate::token::read_token;

/// What a property whose value comes from a file ends in.
const FROM_FILE: &str = "_file";
/// What a property whose value comes from the environment ends in.
const FROM_ENVIRONMENT: &str = "_env";

/// What the C library and OpenSSL read to find hosts and certificate authorities.
const SYSTEM_PATHS: [&str; 11] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/usr/lib/ssl",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
];

/// Properties whose value nobody may see.
const SECRETS: [&str; 8] = [
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// Why there are no properties. Says names, never values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// The client could not be made.
    #[error("cannot make a Kafka client: {0}")]
    Client(String),
    /// A variable that is not set, or is no text.
    #[error(
        "kafka.properties.\"{property}{FROM_ENVIRONMENT}\" names the variable {variable}, which is not set"
    )]
    Environment {
        /// The property.
        property: String,
        /// The variable.
        variable: String,
    },
    /// A file that cannot be read.
    #[error("kafka.properties.\"{property}{FROM_FILE}\": cannot read \"{path}\": {source}")]
    File {
        /// The property.
        property: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret in the configuration itself.
    #[error(
        "kafka.properties.\"{0}\" is a secret: put it into a file and name that as \"{0}{FROM_FILE}\", \
         or into a variable and name that as \"{0}{FROM_ENVIRONMENT}\""
    )]
    Inline(String),
    /// No brokers.
    #[error("no brokers to reach: give --kafka HOST:PORT,… or set kafka.brokers")]
    NoBrokers,
    /// A property that librdkafka does not have.
    #[error(
        "kafka.properties.\"{0}\" is no property of librdkafka (its CONFIGURATION.md lists them)"
    )]
    Unknown(String),
    /// A value that librdkafka does not take.
    #[error("kafka.properties.\"{property}\" has a value that librdkafka refuses{why}")]
    Value {
        /// The property.
        property: String,
        /// In librdkafka's words, unless the value is secret.
        why: String,
    },
}

/// Properties ready to make clients of. Neither `Debug` nor any error shows a value.
#[derive(Clone)]
pub struct Properties {
    values: BTreeMap<String, String>,
    token_file: Option<PathBuf>,
    files: Vec<PathBuf>,
}

impl Properties {
    /// Resolves the properties in `settings` and has librdkafka check each of them.
    ///
    /// # Errors
    /// The first property that is unknown, refused, a secret in plain sight or not to be read.
    pub fn resolve(settings: &KafkaSettings) -> Result<Self, PropertyError> {
        refuse_secrets(settings)?;
        let (mut values, mut files) = (BTreeMap::new(), Vec::new());
        for (name, value) in &settings.properties {
            let (name, value) = if let Some(name) = name.strip_suffix(FROM_FILE) {
                let path = PathBuf::from(value);
                let read = fs::read_to_string(&path);
                files.push(path.clone());
                let text = read.map_err(|source| PropertyError::File {
                    property: name.to_owned(),
                    path,
                    source,
                })?;
                (name, text.trim_end_matches(['\r', '\n']).to_owned())
            } else if let Some(name) = name.strip_suffix(FROM_ENVIRONMENT) {
                let text = env::var(value).map_err(|_| PropertyError::Environment {
                    property: name.to_owned(),
                    variable: value.clone(),
                })?;
                (name, text)
            } else {
                if name.ends_with(".location") && !value.is_empty() {
                    files.push(PathBuf::from(value));
                }
                (name.as_str(), value.clone())
            };
            values.insert(name.to_owned(), value);
        }
        if !settings.brokers.trim().is_empty() {
            values.insert("bootstrap.servers".to_owned(), settings.brokers.clone());
        }
        if !values.contains_key("bootstrap.servers") {
            return Err(PropertyError::NoBrokers);
        }
        files.extend(settings.token_file.clone());
        let properties = Self { values, token_file: settings.token_file.clone(), files };
        properties.config().create_native_config().map_err(property_error)?;
        Ok(properties)
    }

    /// Returns the same with `defaults` where nothing is set.
    #[must_use]
    pub fn or(mut self, defaults: &[(&str, &str)]) -> Self {
        for (name, value) in defaults {
            self.values.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
        }
        self
    }

    /// Returns the same with `values` whatever is set.
    #[must_use]
    pub fn with(mut self, values: &[(&str, &str)]) -> Self {
        for (name, value) in values {
            self.values.insert((*name).to_owned(), (*value).to_owned());
        }
        self
    }

    /// Returns the brokers to begin with.
    #[must_use]
    pub fn brokers(&self) -> &str {
        self.values.get("bootstrap.servers").map(String::as_str).unwrap_or_default()
    }

    /// Returns what clients read that is there: certificates, keys, tokens, and what the system
    /// needs to find hosts and authorities.
    #[must_use]
    pub fn read_paths(&self) -> Vec<PathBuf> {
        let system = SYSTEM_PATHS.iter().map(PathBuf::from);
        system.chain(self.files.iter().cloned()).filter(|path| path.exists()).collect()
    }

    /// Returns a context for clients of these properties.
    #[must_use]
    pub fn link(&self) -> Link {
        Link { token_file: self.token_file.clone(), ..Link::default() }
    }

    /// Makes a client: any consumer, producer or admin client of rdkafka.
    ///
    /// # Errors
    /// A property that is unknown or refused, or a client that librdkafka cannot make.
    pub fn connect<T, C>(&self, context: C) -> Result<T, PropertyError>
    where
        T: FromClientConfigAndContext<C>,
        C: ClientContext,
    {
        self.config().create_with_context(context).map_err(property_error)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Error);
        for (name, value) in &self.values {
            config.set(name, value);
        }
        config
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Refuses a configuration that holds a secret itself: it would be printed with it.
///
/// # Errors
/// The first secret.
pub fn refuse_secrets(settings: &KafkaSettings) -> Result<(), PropertyError> {
    let secret = settings.properties.keys().find(|name| is_secret(name));
    secret.map_or(Ok(()), |name| Err(PropertyError::Inline(name.clone())))
}

fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}

fn property_error(error: KafkaError) -> PropertyError {
    match error {
        KafkaError::ClientConfig(result, words, property, value) => {
            let unknown = rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            if result == unknown {
                return PropertyError::Unknown(property);
            }
            let shown = !is_secret(&property) && (value.is_empty() || !words.contains(&value));
            let why = if shown { format!(": {words}") } else { String::new() };
            PropertyError::Value { property, why }
        }
        KafkaError::ClientCreation(words) => PropertyError::Client(words),
        other => PropertyError::Client(other.to_string()),
    }
}

/// The context of a client: gives it tokens, keeps the last thing it complained of.
#[derive(Clone, Default)]
pub struct Link {
    token_file: Option<PathBuf>,
    trouble: Arc<Mutex<Option<String>>>,
    refused: Arc<AtomicBool>,
    all_down: Arc<AtomicBool>,
}

impl Link {
    /// Takes what the client last complained of: a broker that is away, a login refused.
    #[must_use]
    pub fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns what the client last complained of, as the end of a sentence.
    #[must_use]
    pub fn trouble_words(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"))
    }

    /// Tells whether a broker refused the login, or its certificate or ours was refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Tells whether no broker could be reached at one time.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.all_down.load(Ordering::Relaxed)
    }

    /// Keeps `words` as the last complaint.
    pub fn complain(&self, words: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_owned());
    }
}

impl ClientContext for Link {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        let code = error.rdkafka_error_code();
        if code == Some(Code::AllBrokersDown) {
            return self.all_down.store(true, Ordering::Relaxed);
        }
        if matches!(code, Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL)) {
            self.refused.store(true, Ordering::Relaxed);
        }
        self.complain(reason);
    }

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        read_token(self.token_file.as_deref().map(Path::new)).map_err(|error| {
            self.complain(&error.to_string());
            error.into()
        })
    }
}

impl ConsumerContext for Link {}

/// For producers whose transactions tell what became of their messages: a message that fails makes
/// the commit fail. Whoever sends without transactions uses an outbox, which counts.
impl ProducerContext for Link {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.complain(&error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &[(&str, &str)]) -> KafkaSettings {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        KafkaSettings {
            brokers: "127.0.0.1:9".to_owned(),
            properties: properties.iter().map(own).collect(),
            ..KafkaSettings::default()
        }
    }

    fn refusal(properties: &[(&str, &str)]) -> String {
        Properties::resolve(&settings(properties)).unwrap_err().to_string()
    }

    #[test]
    fn every_way_to_log_in_that_is_promised_is_compiled_in() {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("password");
            fs::write(&path, "hunter2\n").unwrap();
            let mut settings = settings(&[
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", mechanism),
                ("sasl.username", "tap"),
                ("sasl.password_file", path.to_str().unwrap()),
                ("ssl.endpoint.identification.algorithm", "https"),
                ("compression.type", "zstd"),
            ]);
            settings.token_file = Some(path);
            let properties = Properties::resolve(&settings).unwrap();
            assert_eq!(properties.values["sasl.password"], "hunter2");
            let link = properties.link();
            let client: Result<rdkafka::producer::BaseProducer<Link>, _> =
                properties.connect(link.clone());
            // A token that is none is refused when it is asked for, and not shown.
            let words = client.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!words.contains("hunter2"), "{words}");
            assert!(words.is_empty() || mechanism == "OAUTHBEARER", "{words}");
        }
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let refused = refusal(&[("sasl.password", "hunter2")]);
        assert!(refused.contains("sasl.password_file") && !refused.contains("hunter2"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        fs::write(&path, "hunter2").unwrap();
        let path = path.to_str().unwrap();
        let properties = Properties::resolve(&settings(&[("sasl.password_file", path)])).unwrap();
        let shown = format!("{properties:?} {:?}", settings(&[("sasl.password_file", path)]));
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
        // Where the value itself is refused, too.
        let refused = refusal(&[("linger.ms_file", path)]);
        assert!(refused.contains("linger.ms") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refusal(&[("lingerms", "5")]).contains("\"lingerms\" is no property"));
        assert!(refusal(&[("ssl.key.pem_file", "/nowhere/x")]).contains("/nowhere/x"));
        assert!(refusal(&[("sasl.username_env", "GEOPHONE_NO_SUCH")]).contains("GEOPHONE_NO_SUCH"));
        assert!(refusal(&[("acks", "some")]).contains("\"acks\""));
        let error = Properties::resolve(&KafkaSettings::default()).unwrap_err();
        assert!(error.to_string().contains("--kafka"), "{error}");
    }

    #[test]
    fn defaults_give_way_and_musts_do_not() {
        let properties = Properties::resolve(&settings(&[("linger.ms", "7")])).unwrap();
        let properties =
            properties.or(&[("linger.ms", "1"), ("acks", "1")]).with(&[("acks", "all")]);
        assert_eq!(properties.values["linger.ms"], "7");
        assert_eq!(properties.values["acks"], "all");
        assert_eq!(properties.brokers(), "127.0.0.1:9");
    }
}
