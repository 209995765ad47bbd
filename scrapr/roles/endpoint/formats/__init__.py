"""The formats in which items are told, beside JSON: each writes pages of ready JSON bodies as it reads them."""
