/* The floor of a transfer: bytes from a file through TCP into a file, and nothing else. Also stands in for nc.
 *   floor send PORT FILE|-      waits for one connection on 127.0.0.1 and sends FILE, or standard input
 *   floor receive PORT FILE|-   connects, and writes what comes to a new FILE, or standard output
 * Congestion control is reno, as towline has it on loopback: others pace.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 256 * 1024 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void pour(int from, int to) {
    char *buffer = malloc(SIZE);
    ssize_t count;
    while ((count = read(from, buffer, SIZE)) > 0) {
        for (ssize_t done = 0; done < count;) {
            ssize_t now = write(to, buffer + done, (size_t)(count - done));
            if (now <= 0) fail("write");
            done += now;
        }
    }
    if (count < 0) fail("read");
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int is_sender = strcmp(argv[1], "send") == 0, one = 1, is_pipe = strcmp(argv[3], "-") == 0;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2])) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    if (is_sender) {
        int file = is_pipe ? 0 : open(argv[3], O_RDONLY);
        if (file < 0) fail(argv[3]);
        setsockopt(stream, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(stream, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
        if (bind(stream, (void *)&at, sizeof at) || listen(stream, 1)) fail("listen");
        int peer = accept(stream, NULL, NULL);
        if (peer < 0) fail("accept");
        pour(file, peer);
    } else {
        int file = is_pipe ? 1 : open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file < 0) fail(argv[3]);
        for (int tries = 0; connect(stream, (void *)&at, sizeof at); tries++) {
            if (tries == 200) fail("connect");
            usleep(10 * 1000);
            close(stream);
            stream = socket(AF_INET, SOCK_STREAM, 0);
        }
        pour(stream, file);
    }
    return 0;
}
