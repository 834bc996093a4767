"""From the study's csv and json files to tables, statistics, figures and the report; torch is never imported here."""
