"""Mathematics without a word of the language: linear SVMs, integrated gradients."""
