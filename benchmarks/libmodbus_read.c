/* Reads 100 holding registers of unit 1 over and over: prints them once, then microseconds of CPU per read.

   libmodbus_read PORT READS */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    uint16_t words[100];
    modbus_t *bus = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    int reads = atoi(argv[2]);
    modbus_set_slave(bus, 1);
    if (modbus_connect(bus) != 0 || modbus_read_registers(bus, 0, 100, words) != 100)
        return 1;
    for (int i = 0; i < 100; i++)
        printf("%d ", words[i]);
    double before = cpu_us();
    for (int i = 0; i < reads; i++)
        if (modbus_read_registers(bus, 0, 100, words) != 100)
            return 1;
    printf("\n%.3f\n", (cpu_us() - before) / (reads ? reads : 1));
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
