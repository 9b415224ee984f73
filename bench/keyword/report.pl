#!/usr/bin/perl
# report.pl RESULTS: the figures of keyword.sh as tables, with targets beside.
#
# Lines of RESULTS, tab-separated:
#   core  kN/scan   n  texts  boundary  matches  engine  ns  matching texts
#   core  kN/build  n  -      boundary  matches  engine  ns  bytes
#   size  texts  lines  characters  bytes
#   sql   group  way  ns  value
# A part whose lines are not there is left out.
use strict;
use warnings;

my (%scan, %build, %size, %sql);
my ($passed, $short) = (0, 0);

while (<>)
{
	chomp;
	my ($kind, @field) = split /\t/;
	if ($kind eq 'core')
	{
		my ($what, undef, $texts, $boundary, $matches, $engine, $ns, $value) = @field;
		my ($n) = $what =~ /^k(\d+)/;
		my $figure = { ns => $ns, value => $value };
		if ($what =~ /build/) { $build{$boundary}{$matches}{$n}{$engine} = $figure }
		else { $scan{$texts}{$boundary}{$matches}{$n}{$engine} = $figure }
	}
	elsif ($kind eq 'size') { $size{ $field[0] } = { lines => $field[1], chars => $field[2], bytes => $field[3] } }
	elsif ($kind eq 'sql') { $sql{ $field[0] }{ $field[1] } = { ns => $field[2], value => $field[3] } }
}

# Columns: width and alignment by sprintf formats, the last one a verdict.
sub heading { printf "\n%s\n", $_[0] }

# PASS or "short", counted; "-" where there is no target.
sub verdict
{
	my ($good) = @_;
	return '-' unless defined $good;
	$good ? $passed++ : $short++;
	return $good ? 'PASS' : 'short';
}

# The better of Hyperscan's ways.
sub hyperscan
{
	my ($ways) = @_;
	my @ns = sort { $a <=> $b } map { $ways->{$_}{ns} } grep { /^hyperscan(-b)?$/ } keys %$ways;
	return $ns[0];
}

# Highest ratio filteropt / Hyperscan that meets the target.
sub scan_target
{
	my ($boundary, $n) = @_;
	return $boundary eq 'word' ? ($n >= 10000 ? 0.5 : 1) : ($n >= 1000 ? 1 : 1.5);
}

sub numerically { $a <=> $b }

# Engines alone.  The columns after filteropt: with places, at level case, and
# with the kernel for any processor.
sub report_core
{
	heading('Engines alone, ns per text, one thread; target: highest ratio to Hyperscan');
	printf "%-7s %-9s %-3s %7s %7s %9s %9s %9s %9s %9s %6s %7s %s\n", qw(texts boundary for N floor
	  Hyperscan filteropt places case portable ratio target), '';
	for my $texts ('tweets', 'posts')
	{
		for my $boundary ('word', 'substring')
		{
			for my $matches ('any', 'all')
			{
				my $sizes = $scan{$texts}{$boundary}{$matches} or next;
				for my $n (sort numerically keys %$sizes)
				{
					my $way = $sizes->{$n};
					my $peer = hyperscan($way);
					my $own = $way->{filteropt} ? $way->{filteropt}{ns} : undef;
					my $target = scan_target($boundary, $n);
					printf "%-7s %-9s %-3s %7d %7.0f %9.0f %9s %9s %9s %9s %6s %7s %s\n", $texts, $boundary,
					  $matches, $n, $way->{floor}{ns}, $peer,
					  map({ $way->{$_} ? sprintf('%.0f', $way->{$_}{ns}) : '-' } qw(filteropt places case portable)),
					  $own ? sprintf('%.2f', $own / $peer) : '-', "<= $target",
					  verdict($own ? $own / $peer <= $target : undef);
				}
			}
		}
	}
}

# The kernels that this processor can run, whichever it would choose, beside
# Hyperscan as it compiles for this processor and for one with AVX2.
sub report_kernels
{
	my @kernels = qw(filteropt avx512 avx2 portable);
	heading('Kernels, any match, ns per text (times Hyperscan\'s time); avx2 is compared with hyperscan-avx2');
	printf "%-7s %-9s %6s %9s %9s %16s %16s %16s %16s %s\n", qw(texts boundary N Hyperscan H-avx2), @kernels, '';
	for my $texts ('tweets', 'posts')
	{
		for my $boundary ('word', 'substring')
		{
			my $sizes = $scan{$texts}{$boundary}{any} or next;
			for my $n (sort numerically keys %$sizes)
			{
				my $way = $sizes->{$n};
				next unless $way->{avx2};
				my $peer = hyperscan($way);
				my $avx2_peer = $way->{'hyperscan-avx2'} ? $way->{'hyperscan-avx2'}{ns} : $peer;
				my @shown = map {
					sprintf '%.0f (%.2f)', $way->{$_}{ns}, $way->{$_}{ns} / ($_ eq 'avx2' ? $avx2_peer : $peer)
				} @kernels;
				printf "%-7s %-9s %6d %9.0f %9.0f %16s %16s %16s %16s %s\n", $texts, $boundary, $n, $peer, $avx2_peer,
				  @shown, verdict($boundary eq 'word' ? $way->{avx2}{ns} / $avx2_peer <= 1.5 : undef);
			}
		}
	}
}

# Build time and size, from the microbenchmark.
sub report_build
{
	heading('Building and size, alone; targets: 30 times faster, half the bytes');
	printf "%-9s %7s %13s %13s %7s %-6s %11s %11s %6s %s\n", qw(boundary N Hyperscan/us filteropt/us times),
	  '', qw(bytes bytes ratio), '';
	for my $boundary ('word', 'substring')
	{
		my $sizes = $build{$boundary}{all} or next;
		for my $n (sort numerically keys %$sizes)
		{
			my ($peer, $own) = @{ $sizes->{$n} }{ 'hyperscan', 'filteropt' };
			next unless $peer && $own;
			my $times = $peer->{ns} / $own->{ns};
			my $ratio = $own->{value} / $peer->{value};
			printf "%-9s %7d %13.1f %13.1f %7.0f %-6s %11d %11d %6.2f %s\n", $boundary, $n, $peer->{ns} / 1e3,
			  $own->{ns} / 1e3, $times, verdict($times >= 30), $peer->{value}, $own->{value}, $ratio,
			  verdict($ratio <= 0.5);
		}
	}
}

# fold => 'accent' beside 'case' on ASCII texts, where both do the same.
sub report_fold
{
	my @texts = grep { /^ascii-/ } sort keys %scan or return;
	heading('Folding of ASCII texts, ns per text; target: accent / case at most 1.15');
	printf "%-13s %-9s %7s %9s %9s %9s %9s %6s %s\n", qw(texts boundary N none case accent evasion ratio), '';
	for my $texts (@texts)
	{
		for my $boundary ('word', 'substring')
		{
			my $sizes = $scan{$texts}{$boundary}{any} or next;
			for my $n (sort numerically keys %$sizes)
			{
				my %ns = map { $_ => $sizes->{$n}{$_} ? $sizes->{$n}{$_}{ns} : 0 } qw(none case filteropt evasion);
				next unless $ns{case};
				my $ratio = $ns{filteropt} / $ns{case};
				printf "%-13s %-9s %7d %9.0f %9.0f %9.0f %9.0f %6.2f %s\n", $texts, $boundary, $n,
				  @ns{qw(none case filteropt evasion)}, $ratio, verdict($ratio <= 1.15);
			}
		}
	}
}

# Languages beside English, per byte and per character.
sub report_languages
{
	return unless $scan{'lang-en-short'};
	heading('Languages, 100 keywords, any match, accent; target: at most 4 times English per byte');
	printf "%-15s %-9s %9s %9s %9s %12s %12s %s\n", qw(texts boundary ns/text ns/byte ns/char x/byte x/char), '';
	for my $texts (sort grep { /^lang-/ } keys %scan)
	{
		my ($length) = $texts =~ /-(short|long)$/;
		for my $boundary ('word', 'substring')
		{
			my ($own, $base) = map { $scan{$_}{$boundary}{any}{100}{filteropt} } $texts, "lang-en-$length";
			next unless $own;
			my ($size, $base_size) = map { $size{$_} } $texts, "lang-en-$length";
			my %ratio = map {
				$_ => ($own->{ns} * $base_size->{bytes}) / ($base->{ns} * $size->{$_}) * $size->{lines} / $base_size->{lines}
			} 'bytes', 'chars';
			my $per = $size->{lines} * $own->{ns};
			printf "%-15s %-9s %9.0f %9.2f %9.2f %12.2f %12.2f %s\n", $texts, $boundary, $own->{ns},
			  $per / $size->{bytes}, $per / $size->{chars}, $ratio{bytes}, $ratio{chars},
			  verdict($texts =~ /-en-/ ? undef : $ratio{bytes} <= 4);
		}
	}
}

# In PostgreSQL, beside Hyperscan.
sub report_value
{
	my @groups = grep { /^value/ } keys %sql or return;
	heading('In PostgreSQL, ns per row net of a function that does nothing (any: @@; all: keyword_list)');
	printf "%-7s %-9s %-3s %7s %6s %9s %9s %9s %9s %6s %7s %s\n", qw(texts boundary for N floor Hyperscan
	  filteropt case stored ratio target), '';
	for my $texts ('tweets', 'posts')
	{
		for my $boundary ('word', 'substring')
		{
			for my $matches ('any', 'all')
			{
				my %group = map { m{^value/$texts/(\d+)/$boundary/$matches$} ? ($1 => $sql{$_}) : () } @groups;
				report_value_line($texts, $boundary, $matches, $_, $group{$_}) for sort numerically keys %group;
			}
		}
	}
}

# One line of the table above; "all" compares functions that return a list.
sub report_value_line
{
	my ($texts, $boundary, $matches, $n, $way) = @_;
	my $suffix = $matches eq 'all' ? ' list' : '';
	my $floor = $way->{floor}{ns};
	my %net = map { $_ => $way->{$_}{ns} - $floor } keys %$way;
	my $peer = $suffix ? $net{'hyperscan list'} : hyperscan($way) - $floor;
	my $own = $net{"filteropt$suffix"};
	my $target = scan_target($boundary, $n);
	printf "%-7s %-9s %-3s %7d %6.0f %9.0f %9s %9s %9s %6s %7s %s\n", $texts, $boundary, $matches, $n, $floor,
	  $peer, map({ defined $_ ? sprintf('%.0f', $_) : '-' } $own, $net{'filteropt case'}, $net{'filteropt stored'}),
	  defined $own ? sprintf('%.2f', $own / $peer) : '-', "<= $target",
	  verdict(defined $own ? $own / $peer <= $target : undef);
}

# In PostgreSQL, beside what is built in.
sub report_builtin
{
	my %target = (10 => 10, 100 => 45, 1000 => 40);
	my @groups = grep { /^builtin/ } keys %sql or return;
	heading('Beside what is built in, us per row, whole call; target: times faster than the best, on tweets');
	my @ways = sort grep { !/filteropt/ } keys %{ $sql{ $groups[0] } };
	printf "%-7s %5s" . (' %18s' x @ways) . " %10s %6s %7s %s\n", 'texts', 'N', @ways, 'filteropt', 'times', 'target', '';
	for my $texts ('tweets', 'posts')
	{
		for my $n (10, 100, 1000)
		{
			my $way = $sql{"builtin/$texts/$n"} or next;
			my ($best) = sort numerically map { $way->{$_}{ns} } grep { $_ ne 'octet_length' } @ways;
			my $own = $way->{filteropt} ? $way->{filteropt}{ns} : undef;
			my $times = $own ? $best / $own : undef;
			printf "%-7s %5d" . (' %18.3f' x @ways) . " %10s %6s %7s %s\n", $texts, $n,
			  map({ $way->{$_}{ns} / 1e3 } @ways), $own ? sprintf('%.3f', $own / 1e3) : '-',
			  $times ? sprintf('%.0f', $times) : '-', $texts eq 'tweets' ? ">= $target{$n}" : '-',
			  verdict($times && $texts eq 'tweets' ? $times >= $target{$n} : undef);
		}
	}
}

# The other functions, and building inside PostgreSQL.
sub report_functions
{
	for my $group (sort grep { /^functions/ } keys %sql)
	{
		my $way = $sql{$group};
		heading("Functions and folding levels, $group, ns per row net of a function that does nothing");
		printf "  %-20s %9.0f\n", $_, $way->{$_}{ns} - ($_ eq 'floor' ? 0 : $way->{floor}{ns})
		  for sort { $way->{$a}{ns} <=> $way->{$b}{ns} } keys %$way;
	}
	if (my $way = $sql{'build/50'})
	{
		my $us = ($way->{keyword_set}{ns} - $way->{'floor'}{ns}) / 1e3;
		heading('keyword_set() inside PostgreSQL, us');
		printf "  %7d keywords %12.1f  target <= 30  %s\n", 50, $us, verdict($us <= 30);
		printf "  %7d keywords %12.1f\n", $_, $sql{"build/$_"}{keyword_set}{ns} / 1e3
		  for sort numerically grep { $_ != 50 } map { m{^build/(\d+)} ? $1 : () } keys %sql;
	}
}

# Attached to a table: what a call costs above the value.
sub report_attached
{
	my %target = ('one owner' => 6, '2000 owners' => 6, 'cold' => 60, 'feed of 20' => 0.5, 'insert' => 100);
	my @groups = grep { $sql{"attached/$_"} } 'one owner', '2000 owners', 'cold', 'feed of 20', 'insert' or return;
	heading('Attached: us per call (per post of a feed, per INSERT) above the value or the plain table');
	printf "  %-12s %9s %9s %9s %9s\n", qw(case value attached above target);
	for my $group (@groups)
	{
		my $way = $sql{"attached/$group"};
		my $above = ($way->{attached}{ns} - $way->{value}{ns}) / 1e3;
		printf "  %-12s %9.2f %9.2f %9.2f %9s %s\n", $group, $way->{value}{ns} / 1e3, $way->{attached}{ns} / 1e3,
		  $above, "<= $target{$group}", verdict($above <= $target{$group});
	}
}

report_core() if %scan;
report_kernels() if %scan;
report_build() if %build;
report_fold();
report_languages();
report_builtin();
report_value();
report_functions();
report_attached();
printf "\n%d of %d targets met\n", $passed, $passed + $short if $passed + $short;
