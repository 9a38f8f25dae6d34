// Package patroni moves the leadership of PostgreSQL clusters that Patroni runs: the kinds patroni.status,
// patroni.switchover and patroni.failover.
//
// Patroni does the work and Pointsman decides, asks, and proves: everything goes through the members' REST APIs, never
// around them to a server. An answer of Patroni is not the outcome: "status unknown", "instead of" and a lost answer are
// observed in what the members say, and nothing is asked twice.
//
// The REST API is described in https://patroni.readthedocs.io/en/latest/rest_api.html; where it is silent, patroni/api.py
// and patroni/ha.py of 3.0 to 4.0 were read.
package patroni
