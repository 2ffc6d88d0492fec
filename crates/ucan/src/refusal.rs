//! Why a token is not believed.
//!
//! Must never lose which rule was broken: its name is what other programs of the network say.

use billet_block::Cid;

use crate::command::Command;
use billet_key::Did;

/// The rule that a token breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The signature is not its issuer's.
    #[error("the signature of {0} is not its issuer's")]
    InvalidSignature(Cid),
    /// The signature is of a kind that is not checked here.
    #[error("the signature of {0} cannot be checked")]
    UnverifiableSignature(Cid),
    /// Nothing is known of the keys of the issuer.
    #[error("the keys of {0} are not known")]
    UnresolvedIssuer(Did),
    /// The token's time is over.
    #[error("{0} has expired")]
    Expired(Cid),
    /// The token's time has not come.
    #[error("{0} is not valid yet")]
    TooEarly(Cid),
    /// It is addressed to somebody else.
    #[error("{link} is for {audience}")]
    OtherAudience {
        /// The token.
        link: Cid,
        /// Whom it is for.
        audience: Did,
    },
    /// A delegation that the invocation links is not at hand.
    #[error("the proof {0} is not at hand")]
    UnavailableProof(Cid),
    /// The issuer is not the subject, and there is no proof.
    #[error("issued by another than the subject, without a proof")]
    NoProof,
    /// The first delegation of the chain is for any subject.
    #[error("the chain begins with {0}, which is for any subject")]
    OpenRoot(Cid),
    /// More delegations than a chain may have.
    #[error("a chain of {0} delegations")]
    ChainTooLong(usize),
    /// A delegation is in the chain twice.
    #[error("{0} is in the chain twice")]
    ChainLoops(Cid),
    /// A delegation is for another subject.
    #[error("{0} is for another subject")]
    OtherSubject(Cid),
    /// A token is issued by somebody other than who was given the right before it.
    #[error("{link} is not issued by {expected}")]
    BrokenChain {
        /// The token.
        link: Cid,
        /// Who was given the right.
        expected: Did,
    },
    /// Neither of the commands of two delegations covers the other.
    #[error("{0} does not fit the commands before it")]
    ImpossibleAttenuation(Cid),
    /// The chain does not cover the command.
    #[error("{0} is not among what was delegated")]
    CommandNotCovered(Command),
    /// The arguments are not as a delegation says they must be.
    #[error("the arguments do not meet the policy of {0}")]
    PolicyNotMet(Cid),
    /// A receipt of another task.
    #[error("a receipt of the task {0}")]
    OtherTask(Cid),
    /// Issued by another than who should have.
    #[error("{link} is issued by {issuer}")]
    OtherIssuer {
        /// The token.
        link: Cid,
        /// Who issued it.
        issuer: Did,
    },
}

impl Refusal {
    /// What the network's own services call it in their receipts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InvalidSignature(_) => "InvalidSignature",
            Self::UnverifiableSignature(_) => "UnverifiableSignature",
            Self::UnresolvedIssuer(_) => "DIDKeyResolutionError",
            Self::Expired(_) => "Expired",
            Self::TooEarly(_) => "TooEarly",
            Self::UnavailableProof(_) => "UnavailableProof",
            Self::NoProof | Self::OpenRoot(_) | Self::ChainTooLong(_) | Self::ChainLoops(_) => {
                "InvalidClaim"
            }
            Self::OtherSubject(_) => "InvalidSubject",
            Self::OtherAudience { .. } | Self::BrokenChain { .. } => "InvalidAudience",
            Self::ImpossibleAttenuation(_) => "ImpossibleAttenuation",
            Self::PolicyNotMet(_) => "MatchError",
            // Services let these fall through as errors without a name.
            Self::CommandNotCovered(_) | Self::OtherTask(_) | Self::OtherIssuer { .. } => {
                "UnknownError"
            }
        }
    }
}
