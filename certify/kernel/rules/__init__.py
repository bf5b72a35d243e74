"""One file per rule: domain, forward, backward, difference, split, conclude. Spec: specs/rules.md."""
