//! The protocols that a stream was recognised as.

/// Names of protocols, one after the other. Most streams have one.
#[derive(Default)]
pub(crate) struct Chain {
    first: Option<&'static str>,
    others: Vec<&'static str>,
}

impl Chain {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn push(&mut self, name: &'static str) {
        if self.first.is_none() {
            self.first = Some(name);
        } else {
            self.others.push(name);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<&'static str> {
        self.others.pop().or_else(|| self.first.take())
    }

    /// As `smtp+tls`; `None` where there is none.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = self.first?.to_owned();
        for name in &self.others {
            text.push('+');
            text.push_str(name);
        }
        Some(text)
    }
}
