"""What an incident may ask of all chargers: tables and figures that are small whatever the fleet records."""
