#include "flash.h"

// While it works on the flash, nothing can be read through the cache: no code,
// no constants. So this runs with interrupts off, from memory, and takes all its
// addresses from a table: LLVM puts the literals of a function in a section of
// its own into .text, which is in the flash.
__attribute__((section(".iram1.romflash"), noinline))
int romflash_do(const struct romflash_table *t, int op, uint32_t at, uint32_t *words, int size) {
	uint32_t ps, ctrl1;
	int failed;
	__asm__ volatile("rsil %0, 15" : "=r"(ps) :: "memory");
	while ((*t->dbug0 & t->state) != t->idle) {
	}
	ctrl1 = *t->ctrl1;
	*t->ctrl &= ~8u;
	switch (op) {
	case ROMFLASH_ERASE:
		failed = t->erase(at);
		break;
	case ROMFLASH_PROGRAM:
		failed = t->program(at, words, size);
		break;
	default:
		failed = t->read(at, words, size);
	}
	if (op != ROMFLASH_READ)
		t->flush(0); // what the cache holds may be of before
	*t->ctrl |= 8u;
	*t->ctrl1 = ctrl1;
	__asm__ volatile("wsr %0, ps\n\trsync" :: "r"(ps) : "memory");
	return failed;
}
