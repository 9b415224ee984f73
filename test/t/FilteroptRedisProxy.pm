
=head1 NAME

FilteroptRedisProxy - a proxy before Redis that holds, drops or delays commands

=head1 SYNOPSIS

  my $proxy = FilteroptRedisProxy->new($redis->socket);
  $proxy->rule('before', 'EVALSHA');	# the next such command waits here
  $proxy->await;						# until one has come
  $proxy->release;						# lets everything go on

A rule is for one command, of whichever connection, whose words joined by
spaces match.  What it does:

  before	the command waits, and with it its connection
  after		it is carried out, its reply waits
  drop		it is not carried out, its connection is closed
  late		its connection is closed, it is carried out at the next release
  error		it is not carried out, the reply is an error

=cut

package FilteroptRedisProxy;

use strict;
use warnings FATAL => 'all';

use IO::Handle;
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

# Start a proxy of its own process before the Redis at a socket.
sub new
{
	my ($class, $target) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir_short() . '/proxy.sock';
	my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 100) or die "$path: $!";

	chmod 0777, $path;
	socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		close $ours;
		serve($listen, $theirs, $target);
		POSIX::_exit(0);
	}
	close $theirs;
	$ours->autoflush(1);
	return bless { pid => $pid, control => $ours, path => $path }, $class;
}

sub socket { my ($self) = @_; return $self->{path}; }

# Send an order and wait until it is obeyed.
sub order
{
	my ($self, $order) = @_;
	my $control = $self->{control};

	print $control "$order\n";
	my $answer = IO::Select->new($control)->can_read(120) ? <$control> : undef;
	die "the proxy has died, or waits in vain, at \"$order\"" unless defined $answer;
	return;
}

sub rule { my ($self, $what, $pattern) = @_; return $self->order("rule $what $pattern"); }
sub await { my ($self) = @_; return $self->order('await'); }
sub release { my ($self) = @_; return $self->order('release'); }

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

# The rest runs in the proxy's process.
my ($select, %peer, @rules, @late, $caught, $awaited, $control_end, $target_path);

# A whole command at the start of a buffer: its bytes and its words; or nothing.
sub next_command
{
	my ($buffer) = @_;
	return unless $buffer =~ /^\*(\d+)\r\n/;
	my ($n, $at) = ($1, $+[0]);
	my @words;
	for (1 .. $n)
	{
		pos($buffer) = $at;
		return unless $buffer =~ /\G\$(\d+)\r\n/g;
		my ($length, $start) = ($1, pos $buffer);
		return if length($buffer) < $start + $length + 2;
		push @words, substr $buffer, $start, $length;
		$at = $start + $length + 2;
	}
	return (substr($buffer, 0, $at), @words);
}

sub to_redis
{
	my ($bytes) = @_;
	my $redis = IO::Socket::UNIX->new(Peer => $target_path) or return;
	syswrite $redis, $bytes;
	return $redis;
}

sub close_pair
{
	my ($client) = @_;
	my $pair = delete $peer{$client} or return;
	delete $peer{ $pair->{server} };
	$select->remove($client, $pair->{server});
	close $pair->{server};
	close $client;
	return;
}

sub catch_it
{
	$caught = 1;
	return unless $awaited;
	syswrite $control_end, "caught\n";
	$awaited = $caught = 0;
	return;
}

# Send on what a client has sent, as far as rules allow.
sub forward
{
	my ($client) = @_;
	my $pair = $peer{$client};
	while (!$pair->{held})
	{
		my ($bytes, @words) = next_command($pair->{in}) or last;
		my $text = join ' ', @words;
		my ($hit) = grep { $text =~ $rules[$_]{pattern} } 0 .. $#rules;
		my $what = defined $hit ? (splice @rules, $hit, 1)->{what} : 'pass';
		catch_it() if $what ne 'pass';
		if ($what eq 'before') { $pair->{held} = 1; return; }
		substr($pair->{in}, 0, length $bytes) = '';
		if ($what eq 'drop' || $what eq 'late')
		{
			push @late, $bytes if $what eq 'late';
			close_pair($client);
			return;
		}
		if ($what eq 'error') { syswrite $client, "-ERR refused by the proxy\r\n"; next; }
		syswrite $pair->{server}, $bytes;
		$pair->{mute} = 1 if $what eq 'after';
	}
	return;
}

sub obey
{
	my ($line) = @_;
	if ($line =~ /^rule (\w+) (.*)$/) { push @rules, { what => $1, pattern => qr/$2/s }; }
	elsif ($line eq 'await' && !$caught) { $awaited = 1; return; }
	elsif ($line eq 'release')
	{
		@rules = ();
		for my $pair (map { $peer{$_}{client} ? $peer{$_} : () } keys %peer)
		{
			$pair->{mute} = $pair->{held} = 0;
			syswrite $pair->{client}, $pair->{out} if length $pair->{out};
			$pair->{out} = '';
			forward($pair->{client});
		}
		for my $bytes (splice @late)
		{
			my $redis = to_redis($bytes) or next;
			sysread $redis, my $reply, 65536;
		}
	}
	$caught = 0;
	syswrite $control_end, "done\n";
	return;
}

sub serve
{
	my ($listen, $control, $target) = @_;
	($control_end, $target_path, $caught, $awaited) = ($control, $target, 0, 0);
	$SIG{PIPE} = 'IGNORE';
	$select = IO::Select->new($listen, $control);
	my $orders = '';
	while (1)
	{
		for my $fh ($select->can_read)
		{
			if ($fh == $listen)
			{
				my $client = $listen->accept or next;
				my $server = to_redis('');
				if (!$server) { close $client; next; }
				$peer{$client} = { client => $client, server => $server, in => '', out => '' };
				$peer{$server} = { of => $client };
				$select->add($client, $server);
				next;
			}
			if ($fh == $control)
			{
				return unless sysread $fh, $orders, 4096, length $orders;
				obey($1) while $orders =~ s/^(.*)\n//;
				next;
			}
			my $end = $peer{$fh} or next;
			my $client = $end->{of} // $fh;
			if (!sysread $fh, my $bytes, 65536) { close_pair($client); }
			elsif (!$end->{of}) { $end->{in} .= $bytes; forward($fh); }
			elsif ($peer{$client}{mute}) { $peer{$client}{out} .= $bytes; }
			else { syswrite $client, $bytes; }
		}
	}
	return;
}

1;
