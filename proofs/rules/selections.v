(** Selections: S picks an entry of w, or nothing (zero), for each of its rows.

    Vectors are planted in trees, so that an entry is found in few steps. Spec: rules.md#difference. *)
From Coq Require Import ZArith Reals List Lia Lra FMapPositive.
From Flocq Require Import Core.
From Certify Require Import vectors maps.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Functions of the checker *)

Definition entries := PositiveMap.t Z.
Definition no_entries : entries := PositiveMap.empty Z.

Definition key (j : Z) : positive := Z.to_pos (j + 1).
Definition entry_at (k : positive) (m : entries) : Z := match PositiveMap.find k m with Some x => x | None => 0 end.

Fixpoint planted (k : positive) (v : list Z) (m : entries) : entries :=
  match v with [] => m | x :: v' => planted (Pos.succ k) v' (PositiveMap.add k x m) end.

(** S w, for bounds of w. *)
Definition picked (sigma : option (list Z)) (w : list Z) : list Z :=
  match sigma with
  | None => w
  | Some index => let m := planted 1 w no_entries in map (fun j => if j <? 0 then 0 else entry_at (key j) m) index
  end.

Fixpoint collected (index c : list Z) (m : entries) : entries :=
  match index, c with
  | j :: index', x :: c' =>
      collected index' c' (if j <? 0 then m else PositiveMap.add (key j) (x + entry_at (key j) m) m)
  | _, _ => m
  end.

Fixpoint listed (n : nat) (k : positive) (m : entries) : list Z :=
  match n with O => [] | S n' => entry_at k m :: listed n' (Pos.succ k) m end.

(** C S: coefficients on w, of n entries, from coefficients on S w. *)
Definition scattered (sigma : option (list Z)) (n : nat) (c : list Z) : list Z :=
  match sigma with None => c | Some index => listed n 1 (collected index c no_entries) end.

(** w's own coefficient goes with the first row that picks it. *)
Fixpoint first_picks (index : list Z) (m : entries) : list Z :=
  match index with
  | [] => []
  | j :: t => if j <? 0 then 0 :: first_picks t m
              else entry_at (key j) m :: first_picks t (PositiveMap.remove (key j) m)
  end.

Definition owned (sigma : option (list Z)) (cw : list Z) : list Z :=
  match sigma with None => cw | Some index => first_picks index (planted 1 cw no_entries) end.

(** ** They are what they mean *)

Open Scope R_scope.

Lemma entry_add k j x m : entry_at k (PositiveMap.add j x m) = if Pos.eqb k j then x else entry_at k m.
Proof.
  unfold entry_at. destruct (Pos.eqb_spec k j) as [-> | N].
  - rewrite PositiveMap.gss. reflexivity.
  - rewrite PositiveMap.gso by assumption. reflexivity.
Qed.

Lemma entry_planted v : forall k m j,
  entry_at j (planted k v m) =
  if (Pos.to_nat k <=? Pos.to_nat j)%nat && (Pos.to_nat j - Pos.to_nat k <? length v)%nat
  then nth (Pos.to_nat j - Pos.to_nat k) v 0%Z else entry_at j m.
Proof.
  induction v as [|x v IH]; intros k m j; simpl planted.
  - simpl length. destruct (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j)); simpl; reflexivity.
  - rewrite IH, entry_add. destruct (Pos.eqb_spec j k) as [-> | N].
    + rewrite Pos2Nat.inj_succ, Nat.sub_diag, Nat.leb_refl.
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat k)); [lia | reflexivity].
    + assert (Pos.to_nat j <> Pos.to_nat k) by (rewrite Pos2Nat.inj_iff; assumption).
      rewrite Pos2Nat.inj_succ. simpl length.
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat j)), (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j));
        try lia; [|reflexivity].
      replace (Pos.to_nat j - Pos.to_nat k)%nat with (S (Pos.to_nat j - S (Pos.to_nat k))) by lia. simpl andb.
      destruct (Nat.ltb_spec (Pos.to_nat j - S (Pos.to_nat k)) (length v)),
        (Nat.ltb_spec (S (Pos.to_nat j - S (Pos.to_nat k))) (S (length v))); try lia; reflexivity.
Qed.

Lemma key_nat j : (0 <= j)%Z -> Pos.to_nat (key j) = S (Z.to_nat j).
Proof. intros P. unfold key. rewrite <- Z2Nat.inj_pos, Z2Pos.id, Z2Nat.inj_add by lia. simpl. lia. Qed.

Lemma entry_at_list v j : (0 <= j)%Z -> entry_at (key j) (planted 1 v no_entries) = nth (Z.to_nat j) v 0%Z.
Proof.
  intros P. rewrite entry_planted, key_nat by assumption. replace (S (Z.to_nat j) - Pos.to_nat 1)%nat with (Z.to_nat
    j) by lia.
  destruct (Nat.leb_spec (Pos.to_nat 1) (S (Z.to_nat j))); [|lia].
  destruct (Nat.ltb_spec (Z.to_nat j) (length v)); simpl; [reflexivity|].
  rewrite nth_overflow by assumption. unfold entry_at, no_entries. rewrite PositiveMap.gempty. reflexivity.
Qed.

Lemma picked_is sigma v : picked sigma v = match sigma with None => v | Some index => map (nthz 0%Z v) index end.
Proof.
  destruct sigma as [index|]; [|reflexivity]. unfold picked. apply map_ext. intros j. unfold nthz.
  destruct (Z.ltb_spec j 0); [reflexivity | apply entry_at_list; assumption].
Qed.

Lemma within_nthz lo hi v j : within lo hi v -> IZR (nthz 0%Z lo j) <= nthz 0 v j <= IZR (nthz 0%Z hi j).
Proof.
  intros W. unfold nthz. destruct (Z.ltb_spec j 0); [lra|].
  destruct (Nat.lt_ge_cases (Z.to_nat j) (length v)) as [L | G]; [apply within_nth; assumption|].
  destruct (within_length _ _ _ W). rewrite !nth_overflow by lia. lra.
Qed.

Lemma within_picked sigma lo hi v : within lo hi v -> within (picked sigma lo) (picked sigma hi) (gathered sigma v).
Proof.
  intros W. rewrite !picked_is. destruct sigma as [index|]; [|assumption]. simpl. unfold gather.
  induction index; simpl; constructor; [apply within_nthz|]; assumption.
Qed.

Lemma gathered_relu sigma v : gathered sigma (map relu v) = map relu (gathered sigma v).
Proof.
  destruct sigma as [index|]; [|reflexivity]. simpl. unfold gather. rewrite map_map. apply map_ext. intros j.
    unfold nthz.
  assert (Z0 : relu 0 = 0) by (unfold relu, Rmax; destruct Rle_dec; reflexivity).
  destruct (j <? 0)%Z; [auto|]. rewrite <- Z0 at 1. apply map_nth.
Qed.

Definition reach (k j : positive) (v : list R) : R :=
  if (Pos.to_nat k <=? Pos.to_nat j)%nat then nth (Pos.to_nat j - Pos.to_nat k) v 0 else 0.

Lemma dot_listed_add j x m v : forall k,
  dot (listed (length v) k (PositiveMap.add j (x + entry_at j m)%Z m)) v = dot (listed (length v) k m) v + IZR x *
    reach k j v.
Proof.
  unfold reach. induction v as [|z v IH]; intros k.
  - rewrite !dot_nil_r. destruct (Pos.to_nat k <=? Pos.to_nat j)%nat; [rewrite nth_overflow by apply Nat.le_0_l|]; lra.
  - simpl listed. rewrite !dot_cons, IH, entry_add, Pos2Nat.inj_succ. destruct (Pos.eqb_spec k j) as [-> | N].
    + rewrite Nat.leb_refl, Nat.sub_diag, plus_IZR. simpl nth.
      destruct (Nat.leb_spec (S (Pos.to_nat j)) (Pos.to_nat j)); [lia | lra].
    + assert (Pos.to_nat k <> Pos.to_nat j) by (rewrite Pos2Nat.inj_iff; assumption).
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat j)), (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j));
        try lia; [|lra].
      replace (Pos.to_nat j - Pos.to_nat k)%nat with (S (Pos.to_nat j - S (Pos.to_nat k))) by lia. simpl nth. lra.
Qed.

Lemma dot_collected v index : forall c m,
  dot (listed (length v) 1 (collected index c m)) v = dot (listed (length v) 1 m) v + dot c (gather index v).
Proof.
  induction index as [|j index IH]; intros [|x c] m; unfold gather; simpl; rewrite ?dot_nil_r; try lra;
    try (unfold dot at 3; simpl; lra).
  fold (gather index v). rewrite dot_cons, IH. unfold nthz. destruct (Z.ltb_spec j 0) as [N | P]; [lra|].
  rewrite dot_listed_add. unfold reach. rewrite key_nat by assumption.
  destruct (Nat.leb_spec (Pos.to_nat 1) (S (Z.to_nat j))); [|lia].
  replace (S (Z.to_nat j) - Pos.to_nat 1)%nat with (Z.to_nat j) by lia. lra.
Qed.

Lemma dot_no_entries v : forall k, dot (listed (length v) k no_entries) v = 0.
Proof.
  induction v as [|z v IH]; intros k; [reflexivity|]. simpl listed. rewrite dot_cons, IH.
  unfold entry_at, no_entries. rewrite PositiveMap.gempty. lra.
Qed.

Lemma dot_scattered sigma n c v : length v = n -> dot (scattered sigma n c) v = dot c (gathered sigma v).
Proof.
  intros <-. destruct sigma as [index|]; [|reflexivity]. simpl. rewrite dot_collected, dot_no_entries. lra.
Qed.
