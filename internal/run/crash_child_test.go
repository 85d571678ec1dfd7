package run_test
const childEnv = "SPHERA_RUN_CHILD"
func childMain() int { return 0 }
