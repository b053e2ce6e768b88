# shellcheck shell=bash disable=SC2154
# project.sh - real C projects for parallel makes. Needs $lab_command.
#
# busybox: 290 small files in three directories, a recursive make, and much for make to do before it
# begins. git: 260 files of usual size, each with hundreds of headers. ffmpeg: 400 that compute, with -O3.

project_use() { # busybox | git | ffmpeg
	project=$1
	case $project in
	busybox) project_targets=(libbb/ coreutils/ util-linux/) ;;
	# without what notes where it was made: -g and a prefix of ~
	git)
		project_targets=(prefix=/usr CFLAGS=-O2 NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PERL=1
			NO_PYTHON=1 libgit.a)
		;;
	ffmpeg) project_targets=(libavfilter/libavfilter.a) ;;
	*)
		echo "project: no project '$project' (busybox, git, ffmpeg)" >&2
		return 1
		;;
	esac
}
project_use busybox

# project_source DIR: DIR/project.tar, configured and ready for make, and DIR/objects, the sums of what a
# plain make makes of it. In the build root, with all of the machine's processors.
project_source() {
	local archive
	archive=$("${lab_command%/lab}/mksource" "$project") || return
	# shellcheck disable=SC2016
	"$lab_command" root bash -ec '
		mkdir /tmp/project && cd /tmp/project && tar x "$0" --strip-components=1
		{
			[ ! -e Config.in ] || { make defconfig && make -j"$(nproc)" prepare; }
			[ ! -e ffbuild ] || ./configure --disable-autodetect --disable-x86asm --disable-debug --disable-doc
			cp -a . ../built && cd ../built && make -j"$(nproc)" "$@"
		} >/tmp/log 2>&1 </dev/null || { tail -n 20 /tmp/log >&2 && exit 1; }
		find . -name "*.o" ! -path "./scripts/*" ! -path "./applets/*" -exec sha256sum {} + | sort -k2 >/tmp/project/.objects
		tar c -C /tmp/project .' "$(tar_filter "$archive")" "${project_targets[@]}" <"$archive" >"$1/project.tar"
	tar xOf "$1/project.tar" ./.objects >"$1/objects"
	[ "$(wc -l <"$1/objects")" -gt 200 ]
}

tar_filter() { case $1 in *.xz) echo -J ;; *.bz2) echo -j ;; *) echo -z ;; esac; }

# project_install NODE DIR: unpacked afresh as alice's DIR on NODE, from /home/alice/project.tar there
project_install() {
	"$lab_command" sh -u alice "$1" sh -c "rm -rf $2 && mkdir $2 && tar x -C $2 -f project.tar"
}

# project_objects NODE DIR: the sums of the objects that are there
project_objects() {
	# shellcheck disable=SC2016
	"$lab_command" sh -u alice "$1" sh -c 'cd "$1" && find . -name "*.o" ! -path "./scripts/*" ! -path "./applets/*" \
		-exec sha256sum {} + | sort -k2' - "$2"
}
