"""What a recurrent layer does at one step: the kinds of cell, their runs in place and their backward passes."""
