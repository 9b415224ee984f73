#!/usr/bin/perl
# prepare.pl OUT [DATA [NAUGHTY]]: write the texts and keyword lists of the
# benchmark into directory OUT, one a line, the same for every run.
#
#   tweets.txt posts.txt       short and long texts in English: from DATA when
#                              it is there, else cut from Debian's fortunes
#   ascii-tweets.txt, ...      those of them that are ASCII
#   kN.txt                     N keywords, N = 10 ... 100000
#   lists.txt                  lists of 50 keywords, separated by tabs
#   lang-XX-short.txt, -long   texts in other languages, cut to equal lengths
#   lang-XX-k100.txt           keywords that occur in them; "mixed" are those
#                              tweets and posts that are not ASCII
#
# NAUGHTY is an unpacked npm package of word lists in many languages, used for
# scripts that Debian has no fortunes in; without it those are left out.
use strict;
use warnings;

use Encode qw(decode encode);

my $fortunes = '/usr/share/games/fortunes';
my $word_list = '/usr/share/dict/words';
my $quick = $ENV{BENCH_QUICK} ? 1 : 0;
my %limit = $quick ? (tweets => 2000, posts => 300, lang => 300)
  : (tweets => 40000, posts => 6000, lang => 3000);
my ($short, $long) = (90, 900);    # bytes of a text that is cut

my ($out, $data, $naughty) = @ARGV;
die "usage: prepare.pl OUT [DATA [NAUGHTY]]\n" unless defined $out;

# Lines of a file, decoded, without control characters, which COPY and one
# text a line cannot take.
sub read_lines
{
	my ($path) = @_;
	my ($command, @arg) = $path =~ /\.gz$/ ? ('-|', 'zcat', $path) : ('<', $path);
	open my $file, $command, @arg or die "$path: $!\n";
	my @lines = map { clean($_) } <$file>;
	close $file;
	return grep { length } @lines;
}

# Bytes to text; white space and control characters become one space.
sub clean
{
	my ($bytes) = @_;
	my $text = eval { decode('UTF-8', $bytes, Encode::FB_CROAK) } // return '';
	$text =~ s/[\p{Cc}\s]+/ /g;
	$text =~ s/^ | $//g;
	return $text;
}

sub write_lines
{
	my ($name, @lines) = @_;
	open my $file, '>:encoding(UTF-8)', "$out/$name.txt" or die "$out/$name.txt: $!\n";
	print $file "$_\n" for @lines;
	close $file or die "$out/$name.txt: $!\n";
}

# All cookies of Debian's fortunes in files whose path matches.
sub read_fortunes
{
	my ($pattern) = @_;
	my @paths = grep { -f && -T && !/\.(dat|u8)$/ && m{^\Q$fortunes\E/$pattern} }
	  sort glob("$fortunes/* $fortunes/*/*");
	my @cookies;
	for my $path (@paths)
	{
		open my $file, '<', $path or next;
		local $/ = "\n%\n";
		push @cookies, grep { length } map { clean(s/\n%\n\z//r) } <$file>;
		close $file;
	}
	return @cookies;
}

# Cut texts joined by spaces into pieces of about so many bytes, at a space
# when one is near, else between characters.
sub cut
{
	my ($bytes, $limit, @texts) = @_;
	my $all = encode('UTF-8', join ' ', @texts);
	my @pieces;
	my $at = 0;
	while ($at + $bytes < length($all) && @pieces < $limit)
	{
		my $piece = substr($all, $at, $bytes);
		my $space = rindex($piece, ' ');
		my $n = $space > 0.9 * $bytes ? $space : $bytes;
		$n-- while (ord(substr($all, $at + $n, 1)) & 0xC0) == 0x80;
		$piece = decode('UTF-8', substr($all, $at, $n));
		$piece =~ s/^ +| +$//g;
		push @pieces, $piece;
		$at += $n;
	}
	return @pieces;
}

# Every k-th element, so that n remain, in the order given.
sub thin
{
	my ($n, @items) = @_;
	return @items if @items <= $n;
	return map { $items[ int($_ * @items / $n) ] } 0 .. $n - 1;
}

# Words of texts with how often they occur, the rarest first.
sub rare_words
{
	my ($texts, $pattern) = @_;
	my %count;
	for my $text (@$texts)
	{
		$count{lc $_}++ for $text =~ /$pattern/g;
	}
	return sort { $count{$a} <=> $count{$b} || $a cmp $b } keys %count;
}

# English texts and keyword lists of every size.
sub write_english
{
	my (@tweets, @posts, %keywords);
	if ($data)
	{
		@tweets = read_lines("$data/tweets.txt.gz");
		@posts = read_lines("$data/posts.txt.gz");
		$keywords{$_} = [ grep { !/[*\\]/ } read_lines("$data/keywords/k$_.txt") ]
		  for 10, 100, 1000, 10000, 100000;
	}
	else
	{
		my @cookies = read_fortunes('(?!chinese|tang300|song100)[^/]+$');
		@tweets = cut($short, $limit{tweets}, @cookies);
		@posts = cut($long, $limit{posts}, @cookies);
		my %seen;
		my @words = grep { !$seen{ lc $_ }++ } rare_words(\@cookies, qr/\p{L}{4,}/),
		  -e $word_list ? read_lines($word_list) : ();
		$keywords{$_} = [ thin($_, @words) ] for 10, 100, 1000, 10000, 100000;
	}
	@tweets = thin($limit{tweets}, @tweets);
	@posts = thin($limit{posts}, @posts);
	write_lines('tweets', @tweets);
	write_lines('posts', @posts);
	write_lines('ascii-tweets', grep { !/[^\0-\x7f]/ } @tweets);
	write_lines('ascii-posts', grep { !/[^\0-\x7f]/ } @posts);
	write_lines("k$_", @{ $keywords{$_} }) for keys %keywords;

	# Lists of 50, as users have them: disjoint slices of a large list.
	my @pool = @{ $keywords{10000} };
	write_lines('lists', map { join "\t", @pool[ 50 * $_ .. 50 * $_ + 49 ] } 0 .. int(@pool / 50) - 1);
	write_language('en', [ grep { !/[^\0-\x7f]/ } @posts ], qr/\p{L}{4,}/);
	write_mixed(\@tweets, \@posts);
}

# English texts with some characters beyond ASCII, with rare words of theirs.
sub write_mixed
{
	my ($tweets, $posts) = @_;
	my @short = grep { /[^\0-\x7f]/ } @$tweets;
	my @long = grep { /[^\0-\x7f]/ } @$posts;
	return if @short < 100 || @long < 10;
	write_lines('lang-mixed-short', @short);
	write_lines('lang-mixed-long', @long);
	my @words = rare_words([ @short, @long ], qr/\p{L}{4,}/);
	write_lines('lang-mixed-k100', thin(100, @words[ 0 .. int($#words / 2) ]));
}

# Texts of one language in two lengths, with 100 rare words of theirs.
sub write_language
{
	my ($language, $texts, $pattern) = @_;
	my @short = cut($short, $limit{lang}, @$texts);
	my @long = cut($long, int($limit{lang} / 5), @$texts);
	my @words = rare_words([ @short, @long ], $pattern);
	return if @short < $limit{lang} / 10 || @words < 20;
	write_lines("lang-$language-short", @short);
	write_lines("lang-$language-long", @long);
	write_lines("lang-$language-k100", thin(100, @words[ 0 .. int($#words / 2) ]));
}

# Texts made of the words of a list, in a fixed but irregular order.
sub write_from_words
{
	my ($language, $script) = @_;
	my $path = "$naughty/$language.json";
	return unless -e $path;
	open my $file, '<:encoding(UTF-8)', $path or return;
	my @words = grep { /^\p{Script=$script}[^"]*$/ } do { local $/; <$file> } =~ /"([^"]+)"/g;
	close $file;
	return if @words < 10;
	my ($seed, @drawn) = (1);
	for (1 .. $limit{lang} * 20)
	{
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		push @drawn, $words[ ($seed >> 8) % @words ];
	}
	my @short = cut($short, $limit{lang}, @drawn);
	write_lines("lang-$language-short", @short);
	write_lines("lang-$language-long", cut($long, int($limit{lang} / 5), @drawn));

	# Keywords that look like the words and hardly ever occur.
	write_lines("lang-$language-k100", thin(100, map { $words[$_] . $words[ $_ - 1 ] } 0 .. $#words));
}

mkdir $out;
write_english();
write_language($_->[0], [ read_fortunes($_->[1]) ], $_->[2])
  for [ 'de', 'de/', qr/\p{L}{4,}/ ], [ 'cs', 'cs/', qr/\p{L}{4,}/ ],
  [ 'ru', 'ru/', qr/\p{Script=Cyrillic}{4,}/ ], [ 'zh', '(chinese|tang300|song100)', qr/\p{Script=Han}{2}/ ];
if ($naughty)
{
	write_from_words(@$_)
	  for [ 'ja', 'Katakana' ], [ 'ko', 'Hangul' ], [ 'th', 'Thai' ], [ 'hi', 'Devanagari' ],
	  [ 'ar', 'Arabic' ];
}
