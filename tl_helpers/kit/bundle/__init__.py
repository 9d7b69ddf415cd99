"""The course in a folder for a room without internet: wheels, parcels, and a starter."""
