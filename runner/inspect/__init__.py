"""Looking at graphs and runs: comparing, reports, drawings, texts."""
