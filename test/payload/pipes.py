# Makes its three pipes as large as a user may, and output and error full. When there is a file "go",
# reads its input to the end. The file "counts" says how many bytes it has written to each, and read.
import fcntl
import os
import time

for fd in (0, 1, 2):
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)
written = [0, 0, 0]
for fd in (1, 2):
    os.set_blocking(fd, False)
    quiet = 0
    while quiet < 20:
        try:
            written[fd] += os.write(fd, b"%d" % fd * 65536)
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.02)
    os.set_blocking(fd, True)
open("full", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
read = 0
while data := os.read(0, 1 << 20):
    read += len(data)
with open("counts.new", "w") as f:
    print(written[1], written[2], read, file=f)
os.rename("counts.new", "counts")
