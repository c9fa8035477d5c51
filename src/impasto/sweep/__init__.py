"""A photo painted with several settings: a grid of cells, a labelled sheet, a table."""
