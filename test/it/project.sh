# shellcheck shell=bash disable=SC2154
# project.sh - a real C project for parallel makes: busybox, some hundred files. Needs $lab_command.

project_targets=(libbb/ coreutils/ util-linux/)

# project_source DIR: DIR/project.tar, configured and ready for make, and DIR/objects, the sums of what a
# plain make makes of it. In the build root, with all of the machine's processors.
project_source() {
	local archive
	archive=$("${lab_command%/lab}/mksource" busybox) || return
	# shellcheck disable=SC2016
	"$lab_command" root bash -ec '
		mkdir /tmp/project && cd /tmp/project && tar xj --strip-components=1
		{
			make defconfig && make -j"$(nproc)" prepare
			cp -a . ../built && cd ../built && make -j"$(nproc)" "$@"
		} >/tmp/log 2>&1 </dev/null || { tail -n 20 /tmp/log >&2 && exit 1; }
		find . -name "*.o" ! -path "./scripts/*" ! -path "./applets/*" -exec sha256sum {} + | sort -k2 >/tmp/project/.objects
		tar c -C /tmp/project .' - "${project_targets[@]}" <"$archive" >"$1/project.tar"
	tar xOf "$1/project.tar" ./.objects >"$1/objects"
	[ "$(wc -l <"$1/objects")" -gt 200 ]
}

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
