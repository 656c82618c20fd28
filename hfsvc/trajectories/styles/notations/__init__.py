"""Notations in which actions and thinking stand in text, one module each. Pure.

Every parser takes one text (or one field) and gives what it found, or says why it found nothing. All take time that
grows with the length of the text, whatever is in it.
"""
