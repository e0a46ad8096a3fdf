package main

import "os"

// hangup is the signal that reloads the rules: there is none here.
var hangup []os.Signal
