"""The wire: reads planned, asked, checked and decoded. Read only, always."""
