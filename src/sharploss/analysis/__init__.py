"""From the study's csv and json files to tables, statistics, figures and the report; torch is never imported here."""

from sharploss.utils.optional import optional_package

optional_package("pandas")  # which most modules here import: where it is missing, one sentence says so
