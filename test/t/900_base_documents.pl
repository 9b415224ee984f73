# Every SQL block of README.md and docs/*.md runs, in order, each document in a
# database of its own that has the extension unless the document makes it; and where a ```text block follows
# a ```sql block, it is what psql prints for it.  A document that shows an error
# on purpose marks its block ```sql error, and the text block is the message.
use strict;
use warnings FATAL => 'all';

use FilteroptTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# Return the fenced blocks of a document: line number, info string and body,
# and whether only blank lines lie between this one and the one before.
sub blocks_of
{
	my ($file) = @_;
	my (@blocks, $open);
	my $adjoining = 0;
	my $number = 0;

	for my $line (split /^/, slurp_file($file))
	{
		$number++;
		if ($open)
		{
			if ($line =~ /^```\s*$/)
			{
				push @blocks, $open;
				undef $open;
				$adjoining = 1;
			}
			else { $open->{body} .= $line; }
		}
		elsif ($line =~ /^```(.*?)\s*$/)
		{
			$open = { line => $number, info => $1, body => '', adjoining => $adjoining };
		}
		elsif ($line =~ /\S/) { $adjoining = 0; }
	}
	die "$file: the block of line $open->{line} is not closed" if $open;
	return @blocks;
}

# Lay psql's output out for comparison: trailing blanks do not show in a
# document, nor do the empty lines after a table.
sub normalised
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n{2,}/\n/g;
	$text =~ s/\A\n|\n\z//g;
	return $text;
}

# Run one block as a reader would, by pasting it into psql, and compare.
sub check_block
{
	my ($node, $dbname, $where, $block, $shown) = @_;
	my ($stdout, $stderr) = ('', '');
	my $failing = $block->{info} eq 'sql error';

	my @command = ('psql', '-X', '-q', '-v', "ON_ERROR_STOP=" . ($failing ? 0 : 1),
		'-P', 'pager=off', '-d', $node->connstr($dbname), '-f', '-');
	my $ok = IPC::Run::run(\@command, '<', \$block->{body}, '>', \$stdout, '2>', \$stderr);

	# Where psql reads from is no part of the message.
	$stderr =~ s/^psql:<stdin>:\d+: //mg;
	if ($failing)
	{
		like($stderr, qr/^ERROR:/m, "$where: fails as announced");
	}
	else
	{
		ok($ok, "$where: runs") or diag($stderr);
	}
	is(normalised($failing ? $stderr : $stdout), normalised($shown->{body}),
		"$where: prints what the document shows")
	  if $shown;
	return;
}

my $node = FilteroptTest::new_node('documents', preload => 1);
my $database = 0;
my $checked = 0;

for my $file ('README.md', sort glob 'docs/*.md')
{
	my @blocks = blocks_of($file);
	my $dbname = 'document_' . ++$database;

	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, 'CREATE EXTENSION filteropt')
	  unless grep { $_->{body} =~ /^CREATE EXTENSION filteropt\b/m } @blocks;
	while (my $block = shift @blocks)
	{
		next unless $block->{info} =~ /^sql\b/;
		my $shown;
		$shown = shift @blocks
		  if @blocks && $blocks[0]{info} eq 'text' && $blocks[0]{adjoining};
		check_block($node, $dbname, "$file line $block->{line}", $block, $shown);
		$checked++;
	}
}

cmp_ok($checked, '>', 0, 'the documents have SQL blocks');
$node->stop;
done_testing();
