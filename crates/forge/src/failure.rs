//! What can go wrong with the network, and whether trying again helps.
//!
//! Must never call something permanent that may pass by itself: what waits is not lost, what was
//! given up is.

use billet_ucan::{ContainerError, Outcome, Refusal, TokenError};

/// Why a step did not come off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No whole answer came; what was asked may have been done.
    #[error("no whole answer came")]
    Lost,
    /// An answer with this HTTP status, and no receipt.
    #[error("answered with status {0}")]
    Status(u16),
    /// Whoever was asked refused, and signed that.
    #[error("{name}: {message}")]
    Refused {
        /// The name of the error.
        name: String,
        /// What stands beside it, for people.
        message: String,
    },
    /// The answer is not what it should be, or not from whom it should be.
    #[error("an answer not to be believed: {0}")]
    Unbelievable(String),
    /// There is no delegation that allows this command.
    #[error("no delegation for {0}")]
    NotAllowed(String),
    /// The key is out of reach, or the token cannot be written.
    #[error("{0}")]
    Unsigned(String),
    /// What was to be asked can never be granted.
    #[error("impossible: {0}")]
    Impossible(String),
    /// Time ran out for what somebody had to do.
    #[error("too late: {0}")]
    TooLate(String),
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, soon.
    Again,
    /// Trying again after minutes.
    Later,
    /// Nothing but a change by people.
    Never,
}

/// Errors in receipts that nothing but a change by people cures. All others are tried again.
const PERMANENT: [&str; 16] = [
    "AccountPlanMissing",
    "HandlerNotFound",
    "ImpossibleAttenuation",
    "IndexerNotConfigured",
    "InsufficientStorage",
    "InvalidAccount",
    "InvalidAudience",
    "InvalidAuthorizationAccount",
    "InvalidClaim",
    "InvalidSignature",
    "InvalidSubject",
    "MalformedArguments",
    "MatchError",
    "ProviderNotAllowed",
    "UnavailableProof",
    "UnsupportedDigestCode",
];

impl Failure {
    pub(crate) fn unbelievable(what: impl Into<String>) -> Self {
        Self::Unbelievable(what.into())
    }

    /// A failed task, as its receipt tells.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Self {
        let message = match outcome {
            Outcome::Error(error) => crate::values::text(error, "message").unwrap_or_default(),
            Outcome::Ok(_) => "",
        };
        Self::Refused {
            name: outcome.error_name().unwrap_or("UnknownError").to_owned(),
            message: message.chars().take(500).collect(),
        }
    }

    /// The name of the error in a receipt; empty for everything else.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused { name, .. } => name,
            _ => "",
        }
    }

    /// What helps.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Refused { name, .. } if name == "CandidateUnavailable" => Remedy::Later,
            Self::Refused { name, .. } if PERMANENT.contains(&name.as_str()) => Remedy::Never,
            Self::NotAllowed(_) | Self::Impossible(_) | Self::TooLate(_) => Remedy::Never,
            Self::Lost | Self::Status(_) | Self::Unbelievable(_) => Remedy::Again,
            Self::Refused { .. } | Self::Unsigned(_) => Remedy::Again,
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::Unsigned(error.to_string())
    }
}

impl From<ContainerError> for Failure {
    fn from(error: ContainerError) -> Self {
        Self::Unbelievable(error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Unbelievable(refusal.to_string())
    }
}
