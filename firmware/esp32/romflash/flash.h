#ifndef ROMFLASH_H
#define ROMFLASH_H

#include <stdint.h>

enum { ROMFLASH_ERASE, ROMFLASH_PROGRAM, ROMFLASH_READ };

// Registers of the cache and functions of the ROM.
struct romflash_table {
	volatile uint32_t *ctrl, *ctrl1, *dbug0;
	uint32_t state, idle; // bits of dbug0, and what they are when the cache does nothing
	int (*erase)(uint32_t sector);
	int (*program)(uint32_t at, const uint32_t *words, int size);
	int (*read)(uint32_t at, uint32_t *words, int size);
	void (*flush)(int cpu);
};

int romflash_do(const struct romflash_table *t, int op, uint32_t at, uint32_t *words, int size);
int romflash_size(void *configure, uint32_t size);

#endif
