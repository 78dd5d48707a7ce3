//! What a provider is, as data: where it is, what it speaks, what it takes. `presets.rs` lists them.

use crate::openai::Dialect;
use crate::presets::PRESETS;
use crate::{JsonMode, WireKind, address};

/// A provider or a kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What users call it.
    pub name: &'static str,
    /// The address that paths are appended to. Where every user has one of their own it holds placeholders in braces,
    /// and users write theirs.
    pub base_url: &'static str,
    /// The environment variable that usually holds the key; `None` for servers that want none.
    pub key_variable: Option<&'static str>,
    /// What it speaks.
    pub wire: WireKind,
    /// Which header holds the key.
    pub auth: Auth,
    /// Further headers that every request needs.
    pub headers: &'static [(&'static str, &'static str)],
    /// How far its models can be held to JSON.
    pub json_mode: JsonMode,
    /// Whether it lists its models where its wire has the list.
    pub lists_models: bool,
    /// What it makes of calls from web pages.
    pub cors: Cors,
}

/// Which header holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization`, after `Bearer`.
    Bearer,
    /// This one, as it is.
    Header(&'static str),
}

impl Auth {
    /// The header's name, and what stands before the key in it.
    pub(crate) fn header(self) -> (&'static str, &'static str) {
        match self {
            Self::Bearer => ("Authorization", "Bearer "),
            Self::Header(name) => (name, ""),
        }
    }
}

/// What a provider makes of calls from web pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// It answers them.
    Direct,
    /// It answers those that have this header.
    NeedsHeader(&'static str, &'static str),
    /// A local server that does as it is set; these words say how.
    Setting(&'static str),
    /// It does not answer them.
    NeedsProxy,
    /// Nobody wrote it down. Where a call fails, a proxy helps.
    Unknown,
}

impl Cors {
    /// What to add to an error that may come of it; empty if nothing is known.
    pub(crate) fn advice(self) -> String {
        match self {
            Self::Direct | Self::NeedsHeader(..) => String::new(),
            Self::Setting(how) => format!("; to answer web pages this server needs {how}"),
            Self::NeedsProxy => "; this provider answers no web pages: set the base URL to a proxy of yours".to_owned(),
            Self::Unknown => "; if this provider answers no web pages, set the base URL to a proxy of yours".to_owned(),
        }
    }
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name.trim()))
    }

    /// The preset of this address, a region of it included.
    pub fn at(base_url: &str) -> Option<&'static Self> {
        let base_url = base_url.trim().trim_end_matches('/');
        let exact = |base_url: &str| PRESETS.iter().find(|preset| address::fits(preset.base_url, base_url));
        exact(base_url).or_else(|| exact(&address::without_region(base_url)?))
    }

    /// The names of all headers that a request with a key has: what the answer to a preflight must allow to a page.
    pub fn header_names(&self, from_page: bool) -> Vec<&'static str> {
        let (auth, _) = self.auth.header();
        let fixed = self.fixed_headers(from_page).map(|(name, _)| name);
        ["Content-Type", auth].into_iter().chain(fixed).collect()
    }

    /// The headers that hold no key.
    pub(crate) fn fixed_headers(&self, from_page: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let for_pages = match self.cors {
            Cors::NeedsHeader(name, value) if from_page => Some((name, value)),
            _ => None,
        };
        self.headers.iter().copied().chain(for_pages)
    }

    /// How it speaks OpenAI's wire, if it does.
    pub(crate) fn dialect(&self) -> Option<&'static Dialect> {
        match self.wire {
            WireKind::OpenAi(dialect) => Some(dialect),
            _ => None,
        }
    }
}
