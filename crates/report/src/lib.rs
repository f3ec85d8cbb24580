//! Findings and records as pages: terminal, HTML, Markdown, JSON.
