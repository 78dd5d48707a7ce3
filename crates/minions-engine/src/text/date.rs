//! The date that chat templates write. There is no clock here: shells know the date.

use minijinja::{Error, ErrorKind};

/// A day in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Date {
    /// `strftime`, as far as it concerns days.
    pub(super) fn format(self, format: &str) -> Result<String, Error> {
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1)).copied();
        let month = month.ok_or_else(|| failed(format!("there is no month {}", self.month)))?;
        let weekday = WEEKDAYS[self.weekday()];
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                out.push(char);
                continue;
            }
            let mut directive = chars.next();
            let is_padded = directive != Some('-');
            if !is_padded {
                directive = chars.next();
            }
            let two_digits = |number: i32| if is_padded { format!("{number:02}") } else { number.to_string() };
            out.push_str(&match directive {
                Some('Y') => self.year.to_string(),
                Some('y') => two_digits(self.year.rem_euclid(100)),
                Some('m') => two_digits(self.month.into()),
                Some('d') => two_digits(self.day.into()),
                Some('B') => month.to_owned(),
                Some('b') => month.chars().take(3).collect(),
                Some('A') => weekday.to_owned(),
                Some('a') => weekday.chars().take(3).collect(),
                Some('%') => "%".to_owned(),
                _ => return Err(failed(format!("strftime_now({format:?}) asks for more than the date"))),
            });
        }
        Ok(out)
    }

    /// Sakamoto's method; Sunday is 0.
    fn weekday(self) -> usize {
        let month_codes = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = if self.month < 3 { self.year - 1 } else { self.year };
        let code: i32 = month_codes.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or(0);
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        (year + leap_days + code + i32::from(self.day)).rem_euclid(7) as usize
    }
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
