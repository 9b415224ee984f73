
=head1 NAME

FilteroptRedis - a real redis-server on a unix socket, for the TAP tests

=head1 SYNOPSIS

  use FilteroptRedis;

  my $redis = FilteroptRedis->new($node->basedir, 'main');
  $redis->stop;   # or freeze, thaw, kill9, start

=cut

package FilteroptRedis;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

# Start a server whose files live in a short-named directory of its own.
# Further arguments are options of redis-server.
sub new
{
	my ($class, $name, @options) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { dir => $dir, socket => "$dir/$name.sock", options => [@options] }, $class;
	$self->start;
	return $self;
}

sub socket { my ($self) = @_; return $self->{socket}; }

# Start the server and wait until it answers.
sub start
{
	my ($self) = @_;
	unlink $self->{socket};
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>>', "$self->{dir}/redis.log" or die;
		open STDERR, '>&', \*STDOUT or die;
		exec 'redis-server', '--port', '0', '--unixsocket', $self->{socket}, '--dir',
		  $self->{dir}, '--save', '', '--daemonize', 'no', @{ $self->{options} };
		die "redis-server: $!";
	}
	$self->{pid} = $pid;
	for (1 .. 1000)
	{
		return $self if ($self->cli('PING') // '') =~ /PONG|NOAUTH/;
		usleep(10_000);
	}
	die 'redis-server does not answer';
}

# Run redis-cli and return what it prints.
sub cli
{
	my ($self, @command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'redis-cli', '-s', $self->{socket}, @command ], '>', \$out, '2>', \$err);
	chomp $out;
	return $out;
}

sub freeze { my ($self) = @_; kill 'STOP', $self->{pid}; return; }
sub thaw { my ($self) = @_; kill 'CONT', $self->{pid}; return; }

# End the server by a signal and wait for its end.
sub finish
{
	my ($self, $signal) = @_;
	return unless $self->{pid};
	kill 'CONT', $self->{pid};
	kill $signal, $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub stop { my ($self) = @_; $self->finish('TERM'); return; }
sub kill9 { my ($self) = @_; $self->finish('KILL'); return; }

# A test that dies must not leave its server behind, nor change its exit code.
sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	$self->finish('KILL');
	return;
}

1;
