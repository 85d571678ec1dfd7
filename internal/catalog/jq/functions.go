package jq

import (
	"slices"
	"strings"
)

// plain are functions that build at most a few words a step; those of
// rewrites pay for what they build.
const plain = `
empty/0 error/0 error/1 not/0 select/1 recurse/0 recurse/1 recurse/2 length/0 utf8bytelength/0
map/1 map_values/1 walk/1 has/1 in/1 type/0 range/1 range/2 range/3
toboolean/0 infinite/0 isfinite/0 isinfinite/0 nan/0 isnan/0 isnormal/0
startswith/1 endswith/1 ltrimstr/1 rtrimstr/1 trimstr/1 ltrim/0 rtrim/0 trim/0
while/2 until/2 repeat/1 limit/2 skip/2 first/0 first/1 last/0 last/1 nth/1 nth/2 isempty/1
all/0 all/1 all/2 any/0 any/1 any/2 abs/0
arrays/0 objects/0 iterables/0 booleans/0 numbers/0 finites/0 normals/0 strings/0 nulls/0 values/0 scalars/0
now/0 gmtime/0 localtime/0 mktime/0 todate/0 fromdate/0 fromdateiso8601/0 todateiso8601/0
sin/0 cos/0 tan/0 asin/0 acos/0 atan/0 sinh/0 cosh/0 tanh/0 asinh/0 acosh/0 atanh/0
floor/0 round/0 nearbyint/0 rint/0 ceil/0 trunc/0 significand/0 fabs/0 sqrt/0 cbrt/0
exp/0 exp10/0 exp2/0 expm1/0 frexp/0 modf/0 log/0 log10/0 log1p/0 log2/0 logb/0
gamma/0 tgamma/0 lgamma/0 erf/0 erfc/0 j0/0 j1/0 y0/0 y1/0
atan2/2 copysign/2 drem/2 fdim/2 fmax/2 fmin/2 fmod/2 hypot/2 nextafter/2 nexttoward/2
remainder/2 ldexp/2 scalb/2 scalbln/2 pow/2 fma/3
match/1 match/2 test/1 test/2 capture/1 capture/2 scan/1 scan/2 split/2 splits/1 splits/2
sub/2 sub/3 gsub/2 gsub/3
`

// rewrites says how a call is written so that it pays. __a1 and so on stand for
// the arguments.
const rewrites = `
error/0          __deep | error
error/1          error(__a1 | __deep)
keys/0           __s | keys
to_entries/0     __s | to_entries
from_entries/0   __s | from_entries
with_entries/1   __s | with_entries(__a1)
add/0            __deep | add
add/1            [__a1] | __deep | add
tostring/0       __deep | tostring
tojson/0         __deep | tojson
fromjson/0       __parse | fromjson
tonumber/0       __digits | tonumber
ascii_downcase/0 __s | ascii_downcase
ascii_upcase/0   __s | ascii_upcase
explode/0        __explode | explode
implode/0        __s | implode
split/1          (__a1) as $__1 | __split($__1) | split($__1)
join/1           (__a1) as $__1 | __join($__1) | join($__1)
format/1         (__a1) as $__1 | __deep | format($__1)
reverse/0        __s | reverse
contains/1       (__a1) as $__1 | __pairs(.; $__1) | contains($__1)
inside/1         (__a1) as $__1 | __pairs(.; $__1) | inside($__1)
indices/1        (__a1) as $__1 | __search($__1) | indices($__1)
index/1          (__a1) as $__1 | __search($__1) | index($__1)
rindex/1         (__a1) as $__1 | __search($__1) | rindex($__1)
flatten/0        __deep | flatten
flatten/1        (__a1) as $__1 | __deep | flatten($__1)
min/0            __deep | min
max/0            __deep | max
sort/0           __deep | sort
unique/0         __deep | unique
min_by/1         __s | min_by(__a1 | __deep)
max_by/1         __s | max_by(__a1 | __deep)
sort_by/1        __s | sort_by(__a1 | __deep)
group_by/1       __s | group_by(__a1 | __deep)
unique_by/1      __s | unique_by(__a1 | __deep)
transpose/0      __transpose | transpose
bsearch/1        (__a1) as $__1 | __deep | bsearch($__1 | __deep)
path/1           path(__a1) | __s
paths/0          path(..) | __s | select(. != [])
paths/1          path(.. | select(__a1)) | __s | select(. != [])
getpath/1        getpath(__a1 | __path)
setpath/2        (__a1) as $__1 | (__a2) as $__2 | __deep | ($__1 | __path) as $__1 | setpath($__1; $__2)
delpaths/1       (__a1) as $__1 | __deep | delpaths($__1 | __deep)
del/1            __deep | del(__a1)
pick/1           __deep | pick(__a1)
strftime/1       (__a1) as $__1 | __short($__1) | strftime($__1)
strflocaltime/1  (__a1) as $__1 | __short($__1) | strflocaltime($__1)
strptime/1       (__a1) as $__1 | __short($__1) | __short(.) | strptime($__1)
IN/1             __deep | IN(__a1 | __deep)
IN/2             IN(__a1 | __deep; __a2 | __deep)
INDEX/1          INDEX(__a1 | __deep)
INDEX/2          INDEX(__a1; __a2 | __deep)
`

// preludeText defines the functions with regular expressions anew, on guards
// that know how long matching can take.
const preludeText = `
match/1   def match($re): __match($re; null)[];
match/2   def match($re; $flags): __match($re; $flags)[];
test/1    def test($re): __test($re; null);
test/2    def test($re; $flags): __test($re; $flags);
capture/1 def capture($re): __capture($re; null)[];
capture/2 def capture($re; $flags): __capture($re; $flags)[];
scan/1    def scan($re): __scan($re; null)[];
scan/2    def scan($re; $flags): __scan($re; $flags)[];
split/2   def split($re; $flags): __pieces($re; $flags);
splits/1  def splits($re): __pieces($re; null)[];
splits/2  def splits($re; $flags): __pieces($re; $flags)[];
sub/2     def sub($re; f): [__parts($re; "")[] | if type == "object" then [.captures | f] else . end] | __assemble[];
sub/3     def sub($re; f; $flags): [__parts($re; $flags)[] | if type == "object" then [.captures | f] else . end] | __assemble[];
gsub/2    def gsub($re; f): [__parts($re; "g")[] | if type == "object" then [.captures | f] else . end] | __assemble[];
gsub/3    def gsub($re; f; $flags): [__parts($re; "g" + ($flags | __s))[] | if type == "object" then [.captures | f] else . end] | __assemble[];
`

// notHere are functions of jq that are left out, and why.
const notHere = `
env                 the environment of the server is not shown
input               there is only one input
inputs              there is only one input
input_filename      there are no files
input_line_number   there are no files
debug               there is nowhere to write to
stderr              there is nowhere to write to
halt                it would end more than the expression
halt_error          use error
modulemeta          there are no modules
get_search_list     there are no modules
builtins            see the documentation for what is available
combinations        it can grow without bound
tostream            use paths
fromstream          use setpath
truncate_stream     use path
JOIN                use INDEX
jn                  it can take very long
yn                  it can take very long
`

// line finds the line of a table that starts with the key, without the key.
func line(table, key string) (string, bool) {
	_, rest, found := strings.Cut(table, "\n"+key+" ")
	if !found {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, "\n")
	return strings.TrimSpace(rest), true
}

// allowed says whether a function, "name/arity", may be used.
func allowed(key string) bool {
	_, has := line(rewrites, key)
	return has || slices.Contains(strings.Fields(plain), key)
}

// taken says whether jq has a function of the name, of any arity.
func taken(name string) bool {
	if _, left := line(notHere, name); left {
		return true
	}
	return strings.Contains(rewrites, "\n"+name+"/") || slices.ContainsFunc(strings.Fields(plain), func(key string) bool {
		return strings.HasPrefix(key, name+"/")
	})
}

// preludeFor gives the definitions of the functions that are used.
func preludeFor(used []string) string {
	slices.Sort(used)
	var b strings.Builder
	for _, key := range slices.Compact(used) {
		text, _ := line(preludeText, key)
		b.WriteString(text)
		b.WriteByte('\n')
	}
	return b.String()
}

func knownFormat(name string) bool {
	return slices.Contains([]string{"@text", "@json", "@html", "@uri", "@urid", "@csv", "@tsv", "@sh", "@base64", "@base64d"}, name)
}
