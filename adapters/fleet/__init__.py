"""A data set of many chargers diagnosed: read in bounded memory, by all cores, resumable, the same however it is cut."""
