//! The privacy mode: private strings are replaced by placeholders before a text goes to the supervisor, and put back
//! when its words come home.
//!
//! Nothing here asks a model: rules find the strings, and what was found once is hidden wherever it stands. What the
//! rules do not find is sent as it is, so [`Redactor::findings`] shows what was hidden and [`Privacy::names`] adds what
//! was missed.

mod common_words;
mod detect;
mod fold;
mod matcher;
mod names;
mod placeholder;
mod redactor;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use redactor::{Finding, Redactor};

/// What to hide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Privacy {
    /// Names and other texts that are always hidden, whatever the detectors say.
    pub names: Vec<String>,
    /// Which detectors are on; all unless set. Listed names need no detector: they are always hidden.
    pub kinds: BTreeSet<PrivateKind>,
    /// Whether two or more capitalized words in a row are taken for a name; so unless set. Needs the kind `person`.
    pub capitalized_names: bool,
    /// Words that are never hidden.
    pub keep: Vec<String>,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { names: Vec::new(), kinds: PrivateKind::ALL.into(), capitalized_names: true, keep: Vec::new() }
    }
}

/// What a private string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PrivateKind {
    /// The name of a person.
    Person,
    /// The name of a company, a hospital, a school.
    Organization,
    /// A street with a house number.
    Address,
    /// An e-mail address.
    Email,
    /// A telephone or fax number.
    Phone,
    /// A US social security number.
    Ssn,
    /// A payment card number with a valid check digit.
    CreditCard,
    /// A bank account number (IBAN) with valid check digits.
    BankAccount,
    /// A number that its label calls an identifier, such as "MRN 123456".
    Id,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A day, or a month of a year.
    Date,
    /// A web address.
    Url,
    /// A postal code: US with its state or with four more digits, British, Canadian.
    ZipCode,
    /// A text that the user listed.
    Listed,
}

impl PrivateKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Person,
        Self::Organization,
        Self::Address,
        Self::Email,
        Self::Phone,
        Self::Ssn,
        Self::CreditCard,
        Self::BankAccount,
        Self::Id,
        Self::IpAddress,
        Self::Date,
        Self::Url,
        Self::ZipCode,
        Self::Listed,
    ];

    /// The word that its placeholders begin with.
    pub fn label(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Organization => "ORGANIZATION",
            Self::Address => "ADDRESS",
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Ssn => "SSN",
            Self::CreditCard => "CARD",
            Self::BankAccount => "ACCOUNT",
            Self::Id => "ID",
            Self::IpAddress => "IP",
            Self::Date => "DATE",
            Self::Url => "URL",
            Self::ZipCode => "ZIP",
            Self::Listed => "NAME",
        }
    }
}

/// What is wrong with a [`Privacy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// Hiding the entry would hide punctuation everywhere.
    #[error("names: {name:?} has no letter and no digit: list words, or remove the entry")]
    NotAName {
        /// The entry.
        name: String,
    },
    /// The two lists contradict each other.
    #[error("{word:?} is both in names, which are hidden, and in keep, which is not: remove it from one of the two")]
    HiddenAndKept {
        /// The entry.
        word: String,
    },
}
