"""Rice diseases: EPIRICE and BLASTAM."""
