module sphera/tools/flagdiff

go 1.26.0

require (
	github.com/diegoholiveira/jsonlogic/v3 v3.10.1
	sphera v0.0.0
)

replace sphera => ../..
