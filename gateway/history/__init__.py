"""What was: one more reader of the journal, with a file of its own.

Minutes and quarter hours with min, mean and max, last values and energy registers. All of
it can be made again from the journal as far back as that is kept; it stays when the journal
has to let go of its frames.
"""
