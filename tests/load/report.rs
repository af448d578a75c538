//! Figures, and whether they are as promised.

/// One figure, and what it must not exceed.
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
}

/// The figures of one part.
pub(crate) struct Report {
    part: &'static str,
    title: &'static str,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(part: &'static str, title: &'static str) -> Self {
        Self {
            part,
            title,
            figures: Vec::new(),
        }
    }

    /// A figure to be known.
    pub(crate) fn note(&mut self, what: &str, value: f64, unit: &'static str) {
        self.add(what, value, unit, None);
    }

    /// A figure with a promise.
    pub(crate) fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &'static str) {
        self.add(what, value, unit, Some(limit));
    }

    fn add(&mut self, what: &str, value: f64, unit: &'static str, limit: Option<f64>) {
        let what = what.to_owned();
        self.figures.push(Figure {
            what,
            value,
            unit,
            limit,
        });
    }

    /// One line of JSON for the whole part.
    pub(crate) fn print(&self) {
        let figures: Vec<String> = self.figures.iter().map(Figure::to_json).collect();
        println!(
            "{{\"part\":\"{}\",\"title\":\"{}\",\"figures\":[{}]}}",
            self.part,
            self.title,
            figures.join(",")
        );
    }
}

impl Figure {
    fn to_json(&self) -> String {
        let number = |value: f64| match value.is_finite() {
            true => format!("{value:.3}"),
            false => "null".to_owned(),
        };
        let limit = self.limit.map_or_else(|| "null".to_owned(), number);
        format!(
            "{{\"what\":\"{}\",\"value\":{},\"unit\":\"{}\",\"limit\":{limit}}}",
            self.what,
            number(self.value),
            self.unit
        )
    }
}
