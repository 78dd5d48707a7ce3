//! Finds what has a form of its own: addresses, numbers, dates, and organizations by their last word.
//!
//! One detector after the other takes out what it finds, so the digits of an e-mail address are no telephone number to
//! the next. A string need not be found at each of its places: what was found once is hidden everywhere.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::PrivateKind;
use super::common_words::is_common;
use super::fold::stands_alone;

/// A private string, as a detector found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub kind: PrivateKind,
    pub text: String,
}

/// What stands where something was taken out: no letter, no digit, and apart from its neighbors.
pub(super) const GAP: &str = " \u{fffc} ";

/// Takes everything that has a form out of a text, and returns the rest.
pub(super) fn take_forms(text: &str, kinds: &BTreeSet<PrivateKind>, found: &mut Vec<Found>) -> String {
    let mut rest = text.to_owned();
    for rule in RULES.iter() {
        // An e-mail address that is not hidden must still not be read as something else.
        let mut taken = Vec::new();
        rest = rule.take(&rest, &mut taken);
        if kinds.contains(&rule.kind) {
            found.append(&mut taken);
        }
    }
    rest
}

/// One detector.
struct Rule {
    kind: PrivateKind,
    pattern: Regex,
    /// Which part of what the pattern found is meant, if any.
    accept: fn(&str) -> Option<Range<usize>>,
}

impl Rule {
    /// Appends what the rule finds, which is the pattern's first group if it has one, and returns the rest.
    fn take(&self, text: &str, found: &mut Vec<Found>) -> String {
        let mut rest = String::with_capacity(text.len());
        let (mut at, mut copied) = (0, 0);
        while let Some(captures) = self.pattern.captures_at(text, at) {
            let Some(candidate) = captures.get(1).or_else(|| captures.get(0)) else { break };
            let range =
                (self.accept)(candidate.as_str()).map(|r| candidate.start() + r.start..candidate.start() + r.end);
            at = match range.filter(|range| !range.is_empty() && stands_alone(text, range)) {
                Some(range) => {
                    let private = text.get(range.clone()).unwrap_or_default();
                    found.push(Found { kind: self.kind, text: private.to_owned() });
                    rest.push_str(text.get(copied..range.start).unwrap_or_default());
                    rest.push_str(GAP);
                    copied = range.end;
                    range.end
                }
                None => candidate.end().max(text.ceil_char_boundary(at + 1)),
            };
        }
        rest.push_str(text.get(copied..).unwrap_or_default());
        rest
    }
}

/// The detectors, in the order in which they look. `\b` is ASCII's: the regex engine is linear but slow with Unicode's.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    use PrivateKind::*;
    let rule = |kind, accept: fn(&str) -> Option<Range<usize>>, pattern: &str| {
        let pattern = pattern.replace("{MONTH}", MONTH).replace("{STATE}", STATE).replace(r"\b", r"(?-u:\b)");
        let pattern = Regex::new(&pattern).unwrap_or_else(|error| panic!("a pattern of ours is wrong: {error}"));
        Rule { kind, pattern, accept }
    };
    vec![
        rule(Url, url, r#"(?i)\b(?:(?:https?|ftp)://|www\.)[^\s<>"`{}|\\^\[\]\u{fffc}]+"#),
        rule(Email, whole, r"[\p{L}\p{N}](?:[\p{L}\p{N}._%+'-]*[\p{L}\p{N}_+-])?@(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}"),
        rule(IpAddress, ip_v4, r"(?:[0-9]{1,3}\.){3,}[0-9]{1,3}"),
        rule(IpAddress, ip_v6, r"(?i)[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*[0-9a-f:]"),
        rule(BankAccount, iban, r"\b[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,3})?"),
        rule(CreditCard, card, r"[0-9](?:[ .\u{a0}-]?[0-9]){12,}"),
        rule(Ssn, whole, r"[0-9]{3}[-\u{2010}-\u{2013}][0-9]{2}[-\u{2010}-\u{2013}][0-9]{4}"),
        rule(
            Ssn,
            whole,
            r#"(?i)\b(?:ssn|social security(?:[ ]number|[ ]no\.?)?)["']?[\s:#=]*["']?([0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4})"#,
        ),
        rule(
            Id,
            identifier,
            r#"(?i)\b(?:mrn|nhs|ein|vin|npi|(?:medical record|patient|account|acct|policy|member|subscriber|passport|driver'?s?[ ]licen[cs]e|licen[cs]e|insurance|health plan|tax|employee|student|case|encounter|accession|customer|invoice|record)[ _]?(?:number|num|nr|no|id)|(?:account|acct|policy|id)[ \t]*[:#])\b[.]?["']?[ \t]*(?:number|no\.?)?[ \t]*[:=#]*[ \t]*["']?([0-9]{2,4}(?:[ ][0-9]{2,4}){1,4}\b|[a-z0-9]+(?:[-/][a-z0-9]+)*)"#,
        ),
        rule(
            Phone,
            phone,
            r"(?:\+?1[-. ]?)?(?:\([0-9]{3}\)[ ]?|[2-9][0-9]{2}[-. \u{2011}\u{2013}])[0-9]{3}[-. \u{2011}\u{2013}][0-9]{4}(?:,?[ ]?(?i:x|ext\.?|extension)[ ]?[0-9]{1,6})?",
        ),
        rule(Phone, phone, r"\+[1-9](?:[ .\-/()\u{a0}]{0,2}[0-9]){7,14}"),
        rule(Phone, phone, r"\b0[0-9](?:[ .-][0-9]{2}){4}\b|\b0[0-9]{2,4}[ /-][0-9]{3,8}(?:[ -][0-9]{2,6}){0,2}\b"),
        rule(
            Phone,
            phone,
            r#"(?i)\b(?:tel|telephone|phone|fax|mobile|cell|pager)(?:[ ](?:number|no))?["']?[.:# \t]*["']?([+(]?[0-9][0-9 ().\-/]{5,18}[0-9])"#,
        ),
        rule(
            Date,
            numeric_date,
            r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})",
        ),
        rule(
            Date,
            whole,
            r"(?i)[0-9]{1,2}(?:st|nd|rd|th|er|\.)?(?:[ \t-]*|[ ](?:of|de)[ ])(?:{MONTH})\.?(?:,?[ \t-]*|[ ](?:of|de|del)[ ])(?:(?:1[89]|20)[0-9]{2}|'?[0-9]{2})",
        ),
        rule(Date, whole, r"(?i)(?:{MONTH})\.?[ \t-]+[0-9]{1,2}(?:st|nd|rd|th)?,?[ \t-]+(?:1[89]|20)[0-9]{2}"),
        rule(Date, whole, r"(?i)(?:{MONTH})\.?,?(?:[ \t-]+|[ ](?:of|de)[ ])(?:1[89]|20)[0-9]{2}"),
        // Without a year only with a capital: "may 10 patients" is no date.
        rule(Date, capital, r"(?i)(?:{MONTH})\.?[ ][0-9]{1,2}(?:st|nd|rd|th)?"),
        rule(Date, capital_after_day, r"(?i)[0-9]{1,2}(?:st|nd|rd|th|\.)?(?:[ ]of)?[ ](?:{MONTH})"),
        rule(ZipCode, whole, r"[0-9]{5}-[0-9]{4}"),
        rule(ZipCode, whole, r"\b(?:{STATE}),?[ ]{1,2}[0-9]{5}"),
        rule(ZipCode, whole, r"(?i)\b(?:zip|postal)(?:[ -]?code)?[: \t]+([0-9]{5})"),
        rule(ZipCode, whole, r"\b[A-Z]{1,2}[0-9][A-Z0-9]?[ ][0-9][A-Z]{2}\b|\b[A-Z][0-9][A-Z][ ][0-9][A-Z][0-9]\b"),
        rule(
            Address,
            whole,
            r"\b[0-9]{1,6}[A-Za-z]?[ ](?:\p{Lu}[\p{L}'’.-]*[ ]){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Highway|Hwy)\b",
        ),
        rule(
            Organization,
            organization,
            r"(?:\p{Lu}[\p{L}&'’.-]*[ ](?:(?:&|and|of|for)[ ])?){1,6}(?:Incorporated|Inc|LLC|LLP|Ltd|Limited|Corporation|Corp|Company|GmbH|AG|Hospital|Hospitals|University|Clinic|College|Institute|Foundation|Laboratories|Pharmaceuticals|Bank|Group|Holdings|Associates)\b",
        ),
        rule(
            Organization,
            whole,
            r"\b(?:University|Bank|College|Institute|Hospital)[ ]of[ ]\p{Lu}[\p{L}'’-]+(?:[ ]\p{Lu}[\p{L}'’-]+){0,2}",
        ),
    ]
});

/// The months in English, German, French, Spanish, Italian and Portuguese.
const MONTH: &str = "january|jan|february|feb|march|mar|april|apr|may|june|jun|july|jul|august|aug|september|sept|sep|\
    october|oct|november|nov|december|dec|januar|jänner|februar|märz|mai|juni|juli|oktober|okt|dezember|dez|janvier|\
    février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|\
    agosto|septiembre|octubre|noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|\
    janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro";

/// The postal abbreviations of the US states.
const STATE: &str = "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|\
    NY|NC|ND|OH|OK|OR|PA|PR|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY";

fn whole(text: &str) -> Option<Range<usize>> {
    Some(0..text.len())
}

/// Without the punctuation of the sentence around it.
fn url(text: &str) -> Option<Range<usize>> {
    let punctuation = ['.', ',', ';', ':', '!', '?', '\''];
    let mut url = text.trim_end_matches(punctuation);
    let mut unopened = text.matches(')').count().saturating_sub(text.matches('(').count());
    while let Some(inner) = url.strip_suffix(')').filter(|_| unopened > 0) {
        url = inner.trim_end_matches(punctuation);
        unopened -= 1;
    }
    whole(url)
}

/// Four numbers of a byte each, also with leading zeros, which the standard library refuses.
fn ip_v4(text: &str) -> Option<Range<usize>> {
    let bytes = text.split('.').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>().ok()?;
    (bytes.len() == 4).then_some(0..text.len())
}

/// With a digit, so that `a::b` in a program is none.
fn ip_v6(text: &str) -> Option<Range<usize>> {
    let text = text.trim_end_matches('.');
    let text = text.strip_suffix(':').filter(|text| !text.ends_with(':')).unwrap_or(text);
    let is_address = text.parse::<core::net::Ipv6Addr>().is_ok() && text.contains(|c: char| c.is_ascii_digit());
    is_address.then_some(0..text.len())
}

/// The two check digits make the number 1 modulo 97, once the first four characters stand at the end.
fn iban(text: &str) -> Option<Range<usize>> {
    let characters: Vec<u32> = text.chars().filter_map(|c| c.to_digit(36)).collect();
    let (head, tail) = characters.split_at_checked(4)?;
    let remainder =
        tail.iter().chain(head).fold(0, |sum, digit| (sum * if *digit < 10 { 10 } else { 100 } + digit) % 97);
    (remainder == 1).then_some(0..text.len())
}

/// The first groups of digits that are 13 to 19 digits together, begin as cards do and pass Luhn's check.
fn card(text: &str) -> Option<Range<usize>> {
    let is_start = |at: usize| at == 0 || text.as_bytes().get(at - 1).is_some_and(|b| !b.is_ascii_digit());
    let is_end = |at: usize| text.as_bytes().get(at).is_none_or(|b| !b.is_ascii_digit());
    for (start, first) in text.char_indices().filter(|(at, c)| ('2'..='6').contains(c) && is_start(*at)) {
        debug_assert!(first.is_ascii_digit());
        let mut digits = Vec::new();
        for (at, digit) in text.get(start..)?.char_indices().filter_map(|(at, c)| Some((at, c.to_digit(10)?))).take(19)
        {
            digits.push(digit);
            let end = start + at + 1;
            if digits.len() >= 13 && is_end(end) && passes_luhn(&digits) {
                return Some(start..end);
            }
        }
    }
    None
}

fn passes_luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 1 { doubled(*d) } else { *d }).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit > 0)
}

/// At least four characters, three of them digits, and no year.
fn identifier(text: &str) -> Option<Range<usize>> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_year = text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
    (text.len() >= 4 && digits >= 3 && !is_year).then_some(0..text.len())
}

/// Seven to fifteen digits before an extension, which is what numbers have.
fn phone(text: &str) -> Option<Range<usize>> {
    let number = text.split(|c: char| c.is_alphabetic()).next().unwrap_or(text);
    let digits = number.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits).then_some(0..text.len())
}

/// A day and a month there are, in either order, between equal separators.
fn numeric_date(text: &str) -> Option<Range<usize>> {
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    let parts: Vec<u32> = text.split(separator).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[a, b, c] = parts.as_slice() else { return None };
    let is_day = |month: u32, day: u32| (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_year = |year: u32| year < 100 || (1800..2200).contains(&year);
    let is_date = if a > 31 { is_day(b, c) && is_year(a) } else { (is_day(a, b) || is_day(b, a)) && is_year(c) };
    is_date.then_some(0..text.len())
}

fn capital(text: &str) -> Option<Range<usize>> {
    text.starts_with(char::is_uppercase).then_some(0..text.len())
}

fn capital_after_day(text: &str) -> Option<Range<usize>> {
    capital(text.rsplit(' ').next()?).and_then(|_| whole(text))
}

/// Without the common words that it begins with, if a name is left beside the last word.
fn organization(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for word in text.split_inclusive(' ') {
        let is_last = start + word.len() == text.len();
        if is_last {
            return None;
        }
        if !is_common(word.trim()) && !matches!(word.trim(), "and" | "of" | "for" | "&") {
            return Some(start..text.len());
        }
        start += word.len();
    }
    None
}
