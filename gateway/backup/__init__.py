"""Everything that a dead gateway's successor needs, in one encrypted file; and back."""
