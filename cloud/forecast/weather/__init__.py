"""Weather as the models take it: series, files, and checks that refuse or flag what is wrong."""
