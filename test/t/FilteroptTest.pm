
=head1 NAME

FilteroptTest - nodes that have filteropt, for the TAP tests

=head1 SYNOPSIS

  use FilteroptTest;

  my $node = FilteroptTest::new_node('main', preload => 1);
  my $standby = FilteroptTest::new_standby($node, 'standby');
  $node->wait_for_catchup($standby);

=head1 DESCRIPTION

The extension is found through TEMP_CONFIG, which PostgreSQL::Test::Cluster
appends to each new node's configuration (scripts/check writes it), or because
it is installed in the server under test (make installcheck).

=cut

package FilteroptTest;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# Make a node, start it and create the extension in database "postgres".
#   preload => 1		load the library in the postmaster
#   streaming => 1		allow standbys
#   conf => "a = b\n"	more lines for postgresql.conf
#   create => 0			do not create the extension
#   start => 0			do not even start the node
sub new_node
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(
		allows_streaming => $opt{streaming} ? 1 : 0,
		extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = '\$libdir/filteropt'")
	  if $opt{preload};
	$node->append_conf('postgresql.conf', $opt{conf}) if $opt{conf};
	return $node if defined $opt{start} && !$opt{start};

	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION filteropt')
	  unless defined $opt{create} && !$opt{create};
	return $node;
}

# Make and start a hot standby that streams from a node made with streaming.
sub new_standby
{
	my ($primary, $name, %opt) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);
	my $backup = "backup_for_$name";

	$primary->backup($backup);
	$standby->init_from_backup($primary, $backup, has_streaming => 1);
	$standby->append_conf('postgresql.conf', $opt{conf}) if $opt{conf};
	$standby->start;
	return $standby;
}

# Run SQL that must fail; returns "SQLSTATE: message", then the DETAIL and
# HINT lines if there are any, so that tests can compare all of it.
sub error_of
{
	my ($node, $sql, $dbname) = @_;
	my ($stdout, $stderr);
	my $status = $node->psql($dbname // 'postgres',
		"\\set VERBOSITY verbose\n$sql",
		stdout => \$stdout, stderr => \$stderr);

	return "no error, but: $stdout" if $status == 0;
	my ($error) = $stderr =~ /^(?:psql:\S+ )?ERROR:\s+(.*)$/m;
	my @more = $stderr =~ /^((?:DETAIL|HINT):\s+.*)$/mg;
	return join("\n", $error // $stderr, @more);
}

1;
