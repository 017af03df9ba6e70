"""Every unit of a site against many signals over a long text."""
